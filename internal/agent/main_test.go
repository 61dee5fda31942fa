package agent

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// The test's binary is also the agent (on nodes) and the daemon with threads and children that is signalled.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "agent":
			os.Exit(Main(os.Args[2:], os.Stdin, os.Stdout, os.Stderr))
		case "tree":
			tree()
		}
	}
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	// GORACE: a process built with -race else sleeps for a second when it ends.
	for k, v := range map[string]string{BinaryEnv: self, "GORACE": "atexit_sleep_ms=0"} {
		if err := os.Setenv(k, v); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}

// tree is a daemon with many threads, a child, and a child that leads a session of its own, as workers of some
// databases do. It says so when all are there.
func tree() {
	for range 8 {
		go func() {
			runtime.LockOSThread()
			select {}
		}()
	}
	if err := exec.Command("sleep", "1000").Start(); err != nil {
		panic(err)
	}
	c := exec.Command("setsid", "sleep", "1001")
	if err := c.Start(); err != nil {
		panic(err)
	}
	_, _ = os.Stdout.WriteString("all there\n")
	for {
		time.Sleep(time.Hour)
	}
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// within waits until ok, looking often, and fails the test with what is said when it takes too long.
func within(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited %v in vain for: %s", limit, what)
		}
	}
}

// cannot leaves a test out where the machine cannot do it, unless it is required.
func cannot(t *testing.T, reason string) {
	t.Helper()
	for _, what := range []string{"netns", "docker"} {
		if strings.Contains(os.Getenv("PARTITA_REQUIRE"), what) {
			t.Fatalf("cannot run, and PARTITA_REQUIRE asks for it: %s", reason)
		}
	}
	t.Skipf("NOT RUN: %s (%s)", t.Name(), reason)
}
