package run

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// Limits are how long parts of a run may take; a zero is the default that stands beside it.
type Limits struct {
	Step    time.Duration // one step of a database's automation on one node: 2 min
	Ready   time.Duration // until a node serves after its start: 90 s
	Recover time.Duration // until a node serves after healing: 60 s
	Prepare time.Duration // the driver's preparation of the database: 1 min
	Down    time.Duration // taking the cluster down: 2 min
}

func (l Limits) withDefaults() Limits {
	for _, d := range []struct {
		at *time.Duration
		to time.Duration
	}{{&l.Step, 2 * time.Minute}, {&l.Ready, 90 * time.Second}, {&l.Recover, time.Minute}, {&l.Prepare, time.Minute}, {&l.Down, 2 * time.Minute}} {
		if *d.at <= 0 {
			*d.at = d.to
		}
	}
	return l
}

// lateBy is how much longer than its context a call of a target's code is waited for.
const lateBy = 2 * time.Second

// errLeft is the error of a call that did not end with its context.
var errLeft = errors.New("it ignored the end of its time and was left behind")

// bounded does f within a time. It returns also when f does not: code of a target that ignores its context, or
// that panics, must not keep a run from healing and from its end.
func bounded(ctx context.Context, most time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, most, fmt.Errorf("it took more than %s", most))
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- guarded(func() error { return f(ctx) }) }()
	select {
	case err := <-done:
		return explained(ctx, err)
	case <-ctx.Done():
	}
	late := time.NewTimer(lateBy)
	defer late.Stop()
	select {
	case err := <-done:
		return explained(ctx, err)
	case <-late.C:
		return fmt.Errorf("%w: %w", errLeft, context.Cause(ctx))
	}
}

// explained gives an error that only says that a deadline was exceeded the deadline's words.
func explained(ctx context.Context, err error) error {
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	return err
}

// panicked is a panic as an error.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("it panicked: %v", p.value) }

// guarded makes an error of a panic in f.
func guarded(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicked{p, debug.Stack()}
		}
	}()
	return f()
}
