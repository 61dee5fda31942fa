package nemesis

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/partita-dev/partita/history"
)

func asked(t *testing.T, list string) []Asked {
	t.Helper()
	var out []Asked
	for _, s := range strings.Split(list, ",") {
		name, selector, _ := strings.Cut(s, ":")
		out = append(out, Asked{kind(t, name), selector})
	}
	return out
}

// What comes when, as a transcript.
func TestSchedules(t *testing.T) {
	datadriven.RunTest(t, "testdata/schedules", func(t *testing.T, d *datadriven.TestData) string {
		length, interval, seed, faults := "60s", "20s", 1, "partition"
		d.MaybeScanArgs(t, "length", &length)
		d.MaybeScanArgs(t, "interval", &interval)
		d.MaybeScanArgs(t, "seed", &seed)
		d.MaybeScanArgs(t, "faults", &faults)
		tm := Timing{Seed: uint64(seed), Overlap: d.HasArg("overlap")}
		tm.Length, _ = time.ParseDuration(length)
		tm.Interval, _ = time.ParseDuration(interval)
		var b strings.Builder
		for _, e := range Schedule(asked(t, faults), tm) {
			fmt.Fprintf(&b, "%3.0f to %3.0f s %s\n", e.At.Seconds(), (e.At + e.For).Seconds(), e.Fault.Name())
		}
		return b.String()
	})
}

func TestSchedulesKeepTheirPromise(t *testing.T) {
	faults := asked(t, "partition,kill:one,pause:primaries,stop")
	for seed := range uint64(200) {
		for _, overlap := range []bool{false, true} {
			tm := Timing{Length: 3 * time.Minute, Interval: 10 * time.Second, Seed: seed, Overlap: overlap}
			plan := Schedule(faults, tm)
			if !reflect.DeepEqual(plan, Schedule(faults, tm)) {
				t.Fatal("the same seed laid out something else")
			}
			for i := 0; i+len(faults) <= len(plan); i += len(faults) {
				round := map[string]bool{}
				for _, e := range plan[i : i+len(faults)] {
					round[e.Fault.Name()] = true
				}
				if len(round) != len(faults) {
					t.Errorf("seed %d: round %d has only %v", seed, i/len(faults), round)
				}
			}
			for i, a := range plan {
				if a.At+a.For > tm.Length {
					t.Errorf("seed %d: %v ends after the end", seed, a)
				}
				together := 0
				for _, b := range plan[i+1:] {
					if b.At < a.At+a.For {
						together++
						if !overlap || harmsProcesses(a.Fault.Kind) && harmsProcesses(b.Fault.Kind) {
							t.Errorf("seed %d: %s and %s are in force at once", seed, a.Fault.Name(), b.Fault.Name())
						}
					}
				}
				if together > 1 {
					t.Errorf("seed %d: three faults at once", seed)
				}
			}
		}
	}
	if Schedule(nil, Timing{Length: time.Minute, Interval: time.Second}) != nil || Schedule(faults, Timing{Length: time.Minute}) != nil {
		t.Error("a plan of nothing")
	}
}

// entries makes a plan of "at+for fault" in seconds.
func entries(t *testing.T, lines ...string) []Entry {
	t.Helper()
	var out []Entry
	for _, l := range lines {
		var at, hold int
		var name string
		if _, err := fmt.Sscanf(l, "%d+%d %s", &at, &hold, &name); err != nil {
			t.Fatal(err)
		}
		out = append(out, Entry{time.Duration(at) * time.Second, time.Duration(hold) * time.Second, 5 * time.Second, asked(t, name)[0]})
	}
	return out
}

// A schedule is played: windows begin and end at their times, overlap as planned, and each is seen and healed.
func TestAScheduleIsPlayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, db := newProcLab(t, 3)
		l.Play(t.Context(), entries(t, "0+15 pause:n1", "10+15 partition:n1|n2+n3", "30+5 kill:n1", "40+5 stop:all"))
		var told []string
		for _, o := range l.ops {
			var v struct{ Do string }
			if err := o.Value.Decode(&v); err != nil {
				t.Fatal(err)
			}
			if o.Type == history.Invoke {
				told = append(told, v.Do+" "+o.F)
			}
		}
		want := []string{"start pause:n1", "start partition:n1|n2+n3", "stop pause:n1", "stop partition:n1|n2+n3", "start kill:n1", "stop kill:n1", "start stop:all", "stop stop:all"}
		if !slices.Equal(told, want) {
			t.Errorf("%q", told)
		}
		var times []string
		for _, w := range l.Windows() {
			if !w.Observed.From.Happened() || !w.Recovered.Happened() {
				t.Errorf("%s: %+v", w.Fault, w)
			}
			times = append(times, fmt.Sprintf("%.0f-%.0f", w.Commanded.From.Time.Seconds(), w.Commanded.To.Time.Seconds()))
		}
		if got := strings.Join(times, " "); got != "0-15 10-25 30-35 40-45" {
			t.Error(got)
		}
		if l.net.edges() != 0 || db.of("n1") != "runs" {
			t.Error("something is left")
		}
	})
}

// A database that takes long to recover makes the windows after it late, and loses none of them.
func TestASlowRecoveryDelaysWhatFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, db := newProcLab(t, 3)
		l.cfg.Every, l.cfg.RecoverFor = time.Second, time.Minute
		go func() {
			time.Sleep(4 * time.Second)
			db.mu.Lock()
			db.slow["n1"] = 40 // probes, of which there are five a second
			db.mu.Unlock()
		}()
		l.Play(t.Context(), entries(t, "0+5 kill:n1", "10+10 pause:n2"))
		for i, want := range []string{"0-5", "late-20"} {
			w := l.window(i)
			from := fmt.Sprintf("%.0f", w.Commanded.From.Time.Seconds())
			if w.Commanded.From.Time > 11*time.Second {
				from = "late"
			}
			if got := fmt.Sprintf("%s-%.0f", from, w.Commanded.To.Time.Seconds()); got != want || !w.Recovered.Happened() {
				t.Errorf("%s: %s, %+v", w.Fault, got, w)
			}
		}
	})
}

// What does not fit beside a window waits until that one has had its least time, and has its own.
func TestCrowdedWindowsHaveTheirLeastTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _ := newProcLab(t, 3)
		l.Play(t.Context(), entries(t, "0+15 pause:n1", "2+15 kill:n2", "20+5 stop:n3", "24+2 partition:n1|n2+n3"))
		var times []string
		for _, w := range l.Windows() {
			times = append(times, fmt.Sprintf("%.0f-%.0f", w.Commanded.From.Time.Seconds(), w.Commanded.To.Time.Seconds()))
		}
		if got := strings.Join(times, " "); got != "0-5 5-17 20-25 25-30" {
			t.Error(got)
		}
	})
}

// A window in which nothing succeeds is extended until something does, but not without end, and not where no
// majority is left that could work.
func TestAWindowWaitsForTheDatabaseToWork(t *testing.T) {
	for _, c := range []struct {
		fault, want string
		works       time.Duration // from when on operations succeed
	}{
		{"kill:n1", "0-10", 3 * time.Second},
		{"kill:n1", "0-13", 13 * time.Second},
		{"kill:n1", "0-18", time.Hour},
		{"pause:all", "0-10", time.Hour},
		{"kill:n1+n2", "0-10", time.Hour},
	} {
		synctest.Test(t, func(t *testing.T) {
			l, _ := newProcLab(t, 3)
			l.cfg.Every = time.Second
			began := time.Now()
			l.cfg.OK = func() int64 { return 1000 + max(0, int64((time.Since(began)-c.works)/time.Millisecond)) }
			l.Play(t.Context(), entries(t, "0+10 "+c.fault))
			w := l.window(0)
			if got := fmt.Sprintf("%.0f-%.0f", w.Commanded.From.Time.Seconds(), w.Commanded.To.Time.Seconds()); got != c.want {
				t.Errorf("%s, working from %s on: %s, want %s", c.fault, c.works, got, c.want)
			}
		})
	}
}

// A controller that stood still for longer than the run begins nothing behind its end.
func TestAScheduleWhoseTimeIsOver(t *testing.T) {
	for range 50 { // which of two events that came at once is taken is a matter of luck
		l, _ := newProcLab(t, 3)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		l.Play(ctx, entries(t, "0+0 kill:n1", "0+0 pause:n2"))
		if ws := l.Windows(); len(ws) != 0 {
			t.Fatalf("%+v", ws)
		}
	}
}

// When a run ends early nothing more begins, and what is in force is healed by whoever heals all.
func TestAScheduleThatIsCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, db := newProcLab(t, 3)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		l.Play(ctx, entries(t, "0+60 kill:n2", "30+1 partition:one"))
		if len(l.Windows()) != 1 || db.of("n2") != "dead" {
			t.Errorf("%d windows, n2 %s", len(l.Windows()), db.of("n2"))
		}
		if err := l.HealAll(ctx); err != nil || db.of("n2") != "runs" {
			t.Errorf("%v, n2 %s", err, db.of("n2"))
		}
	})
}

// Faults beside each other harm at most a minority together: a draw that would harm more is drawn again, and what
// cannot be drawn otherwise begins when those in force have ended.
func TestTogetherTheyHarmAtMostAMinority(t *testing.T) {
	for seed := range uint64(20) {
		l, _ := newProcLab(t, 3)
		l.cfg.Seed = seed
		if _, err := l.Begin(t.Context(), kind(t, "pause"), "n2"); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Begin(t.Context(), kind(t, "partition"), "one"); err != nil {
			t.Fatal(err)
		}
		if w := l.window(1); fmt.Sprint(w.Harmed) != "[n2]" || l.window(0).Commanded.To.Happened() {
			t.Errorf("seed %d: %v is cut off beside a paused n2", seed, w.Harmed)
		}
		if _, err := l.Begin(t.Context(), kind(t, "kill"), "n3"); err != nil {
			t.Fatal(err)
		}
		if !l.window(0).Recovered.Happened() || !l.window(1).Recovered.Happened() || fmt.Sprint(l.window(2).Harmed) != "[n3]" {
			t.Errorf("seed %d: a kill of another node began beside them", seed)
		}
		// Alone a fault does what it says.
		if _, err := l.Begin(t.Context(), kind(t, "stop"), "all"); err != nil || fmt.Sprint(l.window(3).Harmed) != "[n1 n2 n3]" || !l.window(2).Recovered.Happened() {
			t.Errorf("%v %+v", err, l.window(3))
		}
	}
}

func TestTheLimitThatIsAskedFor(t *testing.T) {
	for seed := range uint64(30) {
		l, _ := newProcLab(t, 5)
		l.cfg.Seed, l.cfg.MaxHarmed = seed, 1
		for _, f := range []string{"partition", "kill", "pause:random"} {
			a := asked(t, f)[0]
			id, err := l.Begin(t.Context(), a.Kind, a.Selector)
			if err != nil {
				t.Fatal(err)
			}
			if ws := l.Windows(); len(ws[len(ws)-1].Harmed) != 1 {
				t.Errorf("seed %d: %s harms %v", seed, f, ws[len(ws)-1].Harmed)
			}
			if err := l.End(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
		id, err := l.Begin(t.Context(), kind(t, "kill"), "majority")
		if err != nil || len(l.window(3).Harmed) != 3 {
			t.Errorf("a majority that was asked for: %v", err)
		}
		if err := l.End(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	l, _ := newProcLab(t, 2)
	l.cfg.MaxHarmed = 1 // a partition of two harms both
	if id, err := l.Begin(t.Context(), kind(t, "partition"), ""); err == nil || id != "" || !strings.Contains(err.Error(), "--max-harmed") {
		t.Errorf("%q %v", id, err)
	}
}

// A node's processes are never harmed by two faults at once, whatever the limit.
func TestNoProcessIsHarmedTwice(t *testing.T) {
	l, db := newProcLab(t, 3)
	l.cfg.MaxHarmed = 3
	a, _ := l.Begin(t.Context(), kind(t, "pause"), "n1")
	if _, err := l.Begin(t.Context(), kind(t, "kill"), "n2+n3"); err != nil || l.window(0).Commanded.To.Happened() {
		t.Errorf("kill of others ended the pause: %v", err)
	}
	if _, err := l.Begin(t.Context(), kind(t, "stop"), "n1"); err != nil || !l.window(0).Recovered.Happened() || db.of("n1") != "dead" {
		t.Errorf("%v, n1 %s", err, db.of("n1"))
	}
	if err := l.End(t.Context(), a); err != nil || db.of("n1") != "dead" {
		t.Errorf("ending what has ended touched n1: %v, %s", err, db.of("n1"))
	}
}

// A node that is cut off and restarted cannot serve: that it runs is recovery enough for the kill.
func TestAKillInsideAPartition(t *testing.T) {
	l, db := newProcLab(t, 3)
	db.mute = true
	cut, _ := l.Begin(t.Context(), kind(t, "partition"), "n1|n2+n3")
	killed, _ := l.Begin(t.Context(), kind(t, "kill"), "n1")
	eventually(t, "both observed", func() bool { return l.observed(0)() && l.observed(1)() })
	if err := l.End(t.Context(), killed); err != nil || !l.window(1).Recovered.Happened() {
		t.Error(err)
	}
	if err := l.End(t.Context(), cut); err != nil {
		t.Error(err)
	}
}
