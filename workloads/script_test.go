package workloads_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/workloads"
)

// TestScripts runs the transcripts below testdata: a generator as an expression, and what it makes the clients do.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			object, workers, nodes := "register", 2, 0
			d.MaybeScanArgs(t, "object", &object)
			d.MaybeScanArgs(t, "workers", &workers)
			d.MaybeScanArgs(t, "nodes", &nodes)
			script := func() *try {
				r := newTry(object, workers, nodes)
				d.MaybeScanArgs(t, "seed", &r.seed)
				d.MaybeScanArgs(t, "cut", &r.world.cut)
				for _, name := range []string{"fencing", "hold"} {
					if d.HasArg(name) {
						var s string
						d.ScanArgs(t, name, &s)
						r.params[name] = s
					}
				}
				for name, p := range map[string]*time.Duration{"latency": &r.world.latency, "timeout": &r.world.timeout, "from": &r.world.from, "to": &r.world.to} {
					if d.HasArg(name) {
						var s string
						d.ScanArgs(t, name, &s)
						*p = duration(t, s)
					}
				}
				p := &reader{t: t, words: words(d.Input), options: r.options()}
				var gs []workloads.Generator
				for len(p.words) > 0 {
					gs = append(gs, p.generator())
				}
				r.run(t, gs...)
				return r
			}
			first, second := script().transcript(), script().transcript()
			if first != second {
				t.Fatalf("the same seed gives\n%s\nand then\n%s", first, second)
			}
			return first
		})
	})
}

func duration(t *testing.T, s string) time.Duration {
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func words(s string) []string {
	return strings.Fields(strings.NewReplacer("(", " ( ", ")", " ) ").Replace(s))
}

// reader turns (name argument…) into a generator. A word is an operation for ever.
type reader struct {
	t       *testing.T
	words   []string
	options workloads.Options
}

func (p *reader) word() string {
	if len(p.words) == 0 {
		p.t.Fatal("the expression ends too early")
	}
	w := p.words[0]
	p.words = p.words[1:]
	return w
}

func (p *reader) number() int {
	n, err := strconv.Atoi(p.word())
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

func (p *reader) list() (gs []workloads.Generator) {
	for p.words[0] != ")" {
		gs = append(gs, p.generator())
	}
	return gs
}

func (p *reader) generator() workloads.Generator {
	w := p.word()
	if w != "(" {
		return workloads.Func(func(c *workloads.Ctx, worker int) history.Op {
			op := history.Op{F: w, Key: "x"}
			if w == "write" || w == "add" {
				op.Value = history.Int(c.Unique(worker))
			}
			return op
		})
	}
	g := p.call(p.word())
	if end := p.word(); end != ")" {
		p.t.Fatalf("expected ), found %s", end)
	}
	return g
}

func (p *reader) call(name string) workloads.Generator {
	switch name {
	case "limit":
		return workloads.Limit(p.number(), p.generator())
	case "once":
		return workloads.Once(p.generator())
	case "process-limit":
		return workloads.ProcessLimit(p.number(), p.generator())
	case "time-limit":
		return workloads.TimeLimit(duration(p.t, p.word()), p.generator())
	case "sleep":
		return workloads.Sleep(duration(p.t, p.word()))
	case "delay":
		return workloads.Delay(duration(p.t, p.word()), p.generator())
	case "stagger":
		return workloads.Stagger(duration(p.t, p.word()), p.generator())
	case "rate":
		return workloads.Rate(float64(p.number()), p.generator())
	case "phases":
		return workloads.Phases(p.list()...)
	case "then":
		return workloads.Then(p.generator(), p.generator())
	case "concat":
		return workloads.Concat(p.list()...)
	case "any":
		return workloads.Any(p.list()...)
	case "flip-flop":
		return workloads.FlipFlop(p.generator(), p.generator())
	case "until-ok":
		return workloads.UntilOK(p.generator())
	case "nemesis":
		return workloads.OnNemesis(p.generator())
	case "on-node":
		return workloads.OnNode(p.word(), p.generator())
	case "mix":
		var gs []workloads.Weighted
		for p.words[0] != ")" {
			gs = append(gs, workloads.Weighted{Weight: p.number(), Gen: p.generator()})
		}
		return workloads.Mix(gs...)
	case "reserve":
		var shares []workloads.Share
		for p.words[0] != "rest" {
			shares = append(shares, workloads.Share{Workers: p.number(), Gen: p.generator()})
		}
		p.word()
		return workloads.Reserve(p.generator(), shares...)
	case "each-worker", "each-process", "cycle":
		// The expression is read anew for each generator that is made of it.
		saved := p.words
		again := func() workloads.Generator {
			return (&reader{t: p.t, words: saved, options: p.options}).generator()
		}
		p.generator()
		switch name {
		case "each-worker":
			return workloads.EachWorker(func(int) workloads.Generator { return again() })
		case "each-process":
			return workloads.EachProcess(func(int) workloads.Generator { return again() })
		}
		return workloads.Cycle(again)
	case "set", "register", "counter", "unique-ids", "bank", "lock":
		build := map[string]workloads.Workload{
			"set": workloads.Set(), "register": workloads.Register(), "counter": workloads.Counter(),
			"unique-ids": workloads.UniqueIDs(), "bank": workloads.Bank(), "lock": workloads.Lock(),
		}[name].Build
		n := p.number()
		b, err := build(p.options)
		if err != nil {
			p.t.Fatal(err)
		}
		// The final phase begins when the main one's operations are completed, as in a run.
		return workloads.Phases(workloads.Limit(n, b.Main), b.Final)
	}
	p.t.Fatalf("no generator %s", name)
	return nil
}
