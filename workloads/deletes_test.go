package workloads_test

import (
	"testing"
	"time"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/checker/linear"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/workloads"
)

// Registers that are deleted are found deleted, and a value that comes back is noticed.
func TestDeletedRegistersStayDeleted(t *testing.T) {
	r := newTry("register", 9, 3)
	r.world.cut, r.world.from, r.world.to = "n3", time.Second, 2*time.Second
	o := r.options()
	o.Rate = 300
	b, err := workloads.Deletes().Build(o)
	if err != nil {
		t.Fatal(err)
	}
	r.run(t, workloads.TimeLimit(10*time.Second, b.Main), b.Final)
	if got := judge(t, linear.Register(), r); got.Verdict != checker.Valid {
		t.Fatalf("%s %s", got.Verdict, got.Reason)
	}
	n := map[string]int{}
	deleted := map[string]history.Value{} // what was written before
	last := map[string]history.Value{}
	lie := -1
	for i, o := range r.ops {
		switch {
		case o.Type != history.OK:
		case o.F == "write":
			last[o.Key], deleted[o.Key] = o.Value, ""
		case o.F == "delete":
			deleted[o.Key] = last[o.Key]
		case o.F == "read" && o.Value.IsNil() && deleted[o.Key] != "":
			lie = i
		}
		if o.Type == history.Invoke {
			n[o.F]++
		}
	}
	if n["delete"] < 200 || n["write"] < n["delete"] || n["read"] < 2*n["delete"] || n["cas"] < n["delete"] {
		t.Errorf("%v", n)
	}
	r.ops[lie].Value = deleted[r.ops[lie].Key]
	if got := judge(t, linear.Register(), r); got.Verdict != checker.Invalid {
		t.Errorf("a value that comes back: %s %s", got.Verdict, got.Reason)
	}
}
