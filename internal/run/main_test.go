package run_test

import (
	"context"
	"flag"
	"os"
	"strconv"
	"testing"

	"go.uber.org/goleak"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/internal/catalog"
	"github.com/partita-dev/partita/internal/judge"
)

// sleeper is a checker that never ends, and says in a file which process it is in.
var sleeper = checker.Spec{Name: "sleeper", Doc: "never ends", Checker: checker.Func(func(ctx context.Context, in checker.Input) checker.Result {
	if err := os.WriteFile(in.Params["pid-file"], []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
		return checker.Result{Reason: err.Error()}
	}
	<-ctx.Done()
	return checker.Result{Verdict: checker.Valid}
})}

func TestMain(m *testing.M) {
	// A checker's child process is this binary again, as it is the partita binary in real life.
	if len(os.Args) > 1 && os.Args[1] == judge.ChildCommand {
		os.Exit(judge.ChildMain(append(catalog.Default().Checkers, sleeper), os.Stdin, os.Stdout))
	}
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil { // runs mostly wait
		panic(err)
	}
	goleak.VerifyTestMain(m)
}
