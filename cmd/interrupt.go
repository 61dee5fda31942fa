package cmd

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// onInterrupt makes the first Ctrl-C (or SIGTERM) end the run in order: it heals and reports. The second one ends the
// program at once and says what may still be broken.
func (a *app) onInterrupt(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	sigs := make(chan os.Signal, 2)
	signal.Notify(sigs, os.Interrupt, syscall.SIGTERM)
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
					_, _ = fmt.Fprintln(a.stderr, "\npartita: stopped at once. Faults may still be in force, until the agents' lease of 20 s runs out; containers may be left.\n"+
						"partita: 'partita heal' heals now, 'partita cluster ls' shows what is left, 'partita cluster down --all' removes it.")
					os.Exit(statusInterrupted)
				}
				_, _ = fmt.Fprintln(a.stderr, "\npartita: interrupted: healing and reporting; once more to stop at once")
				cancel()
			}
		}
	}()
	return ctx, func() {
		signal.Stop(sigs)
		close(done)
		cancel()
	}
}
