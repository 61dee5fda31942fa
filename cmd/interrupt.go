package cmd

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"github.com/partita-dev/partita/internal/agent"
	"github.com/partita-dev/partita/internal/run"
)

// onInterrupt makes the first Ctrl-C (or SIGTERM, or a terminal that is closed) end the run in order: it heals and
// reports. The second one ends the program at once and says what is still there. That nobody reads what is printed any
// more (`partita test … | head`) ends nothing: the faults must be healed.
func (a *app) onInterrupt(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	sigs := make(chan os.Signal, 2)
	signal.Notify(sigs, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // nohup
		signal.Notify(sigs, syscall.SIGHUP)
	}
	pipe := make(chan os.Signal, 1)
	signal.Notify(pipe, syscall.SIGPIPE) // heard by nobody, and so no longer the program's end
	done := make(chan struct{})
	go func() {
		n := 0
		for {
			select {
			case <-done:
				return
			case <-sigs:
				n++
				if n > 1 {
					_, _ = fmt.Fprint(a.stderr, "\npartita: stopped at once.\n"+a.remains.String())
					os.Exit(statusInterrupted)
				}
				_, _ = fmt.Fprintln(a.stderr, "\npartita: interrupted: healing and reporting; once more to stop at once")
				cancel()
			}
		}
	}()
	return ctx, func() {
		signal.Stop(sigs)
		signal.Stop(pipe)
		close(done)
		cancel()
	}
}

// remains is what a program that stops at once leaves behind.
type remains struct {
	mu  sync.Mutex
	now run.Progress
}

func (r *remains) note(p run.Progress) {
	r.mu.Lock()
	r.now = p
	r.mu.Unlock()
}

// String says what is left and what to do about it, a line each.
func (r *remains) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	if id := r.now.Cluster; id != "" {
		if len(r.now.Faults) > 0 {
			fmt.Fprintf(&b, "partita: in force on cluster %s: %s. 'partita heal %s' heals it now; the nodes' agents do by themselves after %s.\n",
				id, strings.Join(r.now.Faults, ", "), id, agent.DefaultLease)
		}
		fmt.Fprintf(&b, "partita: cluster %s is left: 'partita cluster down %s' removes it.\n", id, id)
	} else {
		b.WriteString("partita: no cluster of this command is left.\n")
	}
	if dir := r.now.Dir; dir != "" {
		dir = shellWord(relative(dir))
		fmt.Fprintf(&b, "partita: what was recorded is in %s: 'partita check %s' judges it.\n", dir, dir)
	}
	return b.String()
}
