package torture

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/cmd"
)

// roleEnv makes this binary, executed again, another program than the tests.
const roleEnv = "PARTITA_TORTURE_ROLE"

const (
	rolePartita = "partita" // the command line
	roleMemory  = "memory"  // a controller with a target in memory
)

// everything reports whether all was asked for, as `make torture` does.
func everything() bool { return os.Getenv("PARTITA_TORTURE") == "all" }

func TestMain(m *testing.M) {
	switch {
	case len(os.Args) > 1 && os.Args[1] == cmd.ChildCommand, os.Getenv(roleEnv) == rolePartita:
		os.Exit(cmd.Main(cmd.With(sleeper)))
	case os.Getenv(roleEnv) == roleMemory:
		os.Exit(memoryController(os.Args[1:]))
	}
	flag.Parse()
	if err := flag.Set("test.parallel", "4"); err != nil { // most of it is waiting
		panic(err)
	}
	status := m.Run()
	if everything() {
		table.print()
	}
	os.Exit(status)
}

// sleeper is a checker that never ends.
var sleeper = checker.Spec{Name: "sleeper", Doc: "never ends", Checker: checker.Func(func(ctx context.Context, _ checker.Input) checker.Result {
	<-ctx.Done()
	return checker.Result{Reason: "it was told to end"}
})}

// row is what became of one kind of torture.
type row struct {
	what   string
	times  int
	lost   int    // bytes of operations that were on the disk and are not in the history
	left   int    // things that nobody was told of
	status string // how the program ended
	notes  string
	failed bool
}

// rows are the table that is printed in the end.
type rows struct {
	mu  sync.Mutex
	all []row
}

var table rows

func (r *rows) add(x row) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, x)
	if everything() {
		_, _ = fmt.Fprintf(os.Stderr, "done: %s\n", x.what)
	}
}

// notRun skips a test that this machine cannot do, and fails where it is required: a machine that cannot is not
// mistaken for one on which all went well.
func notRun(t *testing.T, required, why string) {
	t.Helper()
	if strings.Contains(os.Getenv("PARTITA_REQUIRE"), required) {
		t.Fatal(why)
	}
	table.add(row{what: t.Name(), status: "NOT RUN", notes: why})
	t.Skipf("NOT RUN: %s (%s)", t.Name(), why)
}

func (r *rows) print() {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "\nwhat\ttimes\tlost\tleft\texit status\tok?\t")
	for _, x := range r.all {
		ok := "yes"
		switch {
		case x.failed:
			ok = "NO"
		case x.times == 0:
			ok = "-"
		}
		_, _ = fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%s\t%s\t%s\n", x.what, x.times, x.lost, x.left, x.status, ok, x.notes)
	}
	_ = w.Flush()
}
