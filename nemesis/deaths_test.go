package nemesis

import (
	"context"
	"strings"
	"testing"
	"time"
)

// A killed or stopped database does not run, which is no death by itself, from the command until it was seen to be back.
// That of a paused one, of one that a cut reaches, or of a node beside, is.
func TestAFaultSaysItselfThatProcessesEndUnderIt(t *testing.T) {
	for _, c := range []struct {
		fault, of string
		ends      bool
	}{{"kill", "n1+n3", true}, {"stop", "n1+n3", true}, {"pause", "n1+n3", false}, {"partition", "n1|n2+n3", false}} {
		l, _ := newProcLab(t, 3)
		if l.Ends("n1") {
			t.Errorf("%s: before it began", c.fault)
		}
		id, err := l.Begin(context.Background(), kind(t, c.fault), c.of)
		if err != nil {
			t.Fatal(err)
		}
		if l.Ends("n1") != c.ends || l.Ends("n3") != c.ends || l.Ends("n2") {
			t.Errorf("%s: n1 %v, n2 %v, n3 %v", c.fault, l.Ends("n1"), l.Ends("n2"), l.Ends("n3"))
		}
		if err := l.End(context.Background(), id); err != nil {
			t.Error(err)
		}
		if l.Ends("n1") || l.Ends("n3") {
			t.Errorf("%s: after its end", c.fault)
		}
	}
}

// A database that is started again and does not come up has died by itself.
func TestADatabaseThatDoesNotStartAgainHasDied(t *testing.T) {
	l, db := newProcLab(t, 3)
	l.cfg.StartFor, l.cfg.RecoverFor = 20*time.Millisecond, 100*time.Millisecond
	id, err := l.Begin(context.Background(), kind(t, "kill"), "n2")
	if err != nil {
		t.Fatal(err)
	}
	db.mu.Lock()
	db.idle = true // Start says that it did
	db.mu.Unlock()
	if err := l.End(context.Background(), id); err == nil || !strings.Contains(err.Error(), "was not seen to be gone") {
		t.Errorf("%v", err)
	}
	if l.Ends("n2") {
		t.Error("the fault still answers for it")
	}
}

// Where a database died by itself, a fault of processes may be undone and never be seen gone, since nobody serves: that is
// waited for a moment only, is in the window, and is no failure to heal. A cut that stays is one, and so is an undoing that fails.
func TestAFaultBesideADeadDatabase(t *testing.T) {
	for _, c := range []struct {
		name, fault, of string
		lie             func(*lab, *procDB)
		healed          bool
	}{
		{"the others have no majority", "kill", "n1", func(_ *lab, db *procDB) { db.mute = true }, true},
		{"it is paused itself", "pause", "n3", func(_ *lab, db *procDB) { db.idle, db.state["n3"] = true, "dead" }, true},
		{"a cut that stays", "partition", "n1|n2+n3", func(l *lab, _ *procDB) { l.net.cutsNot = true }, false},
		{"an undoing that fails", "kill", "n1", func(_ *lab, db *procDB) { db.fails["start n1"] = context.DeadlineExceeded }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, db := newProcLab(t, 3)
			l.cfg.StartFor, l.cfg.Dead = 10*time.Millisecond, func() []string { return []string{"n3"} }
			id, err := l.Begin(context.Background(), kind(t, c.fault), c.of)
			if err != nil {
				t.Fatal(err)
			}
			eventually(t, "observed", l.observed(0))
			db.mu.Lock()
			l.net.mu.Lock()
			c.lie(l, db)
			l.net.mu.Unlock()
			db.mu.Unlock()
			if !c.healed {
				l.cfg.RecoverFor = 100 * time.Millisecond
			}
			err = l.End(context.Background(), id)
			if w := l.window(0); (err == nil) != c.healed || w.Recovered.Happened() || c.healed != strings.Contains(strings.Join(w.Errors, " "), "died by itself on n3") {
				t.Errorf("%v: %+v", err, w)
			}
		})
	}
}
