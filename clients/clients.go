package clients

import (
	"context"
	"errors"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
)

// OpSpec is one operation that a driver performs. The same name can mean different things to different
// objects (a read of a register and a read of a whole set), so an operation is an object's; a run's
// parameter "object" tells the driver which one the workload works on.
type OpSpec struct {
	Object   string // "register", "set", "counter", …
	Name     string // "read", "write", "cas", …
	ReadOnly bool   // it has no effect, so that a failed one certainly did not happen
}

// Driver knows how to reach one system.
type Driver interface {
	Ops() []OpSpec
	// Setup prepares the database once before the clients start (a table, a queue).
	Setup(context.Context, *cluster.Cluster, history.Params) error
	// Open connects one process to one node. It must honour ctx.
	Open(ctx context.Context, c *cluster.Cluster, n cluster.Node, process int32) (Conn, error)
}

// Conn is one process's connection to one node.
type Conn interface {
	// Invoke performs op and gives the value and what the database said beside it. A nil error: ok.
	// NotDone(err): fail. ANY other error, a panic, the deadline: the Conn is closed and replaced, and the
	// op is info (fail when its OpSpec is ReadOnly); a value beside it is what the client was given all the same, such as a
	// message whose acknowledgement got no answer. Invoke sends an effect at most once, whatever happens.
	Invoke(ctx context.Context, op history.Op) (value, ext history.Value, err error)
	Close() error
}

// Coder is an error with a short stable code for the history's Err.Code.
type Coder interface {
	error
	Code() string
}

type notDone struct{ err error }

func (e notDone) Error() string { return e.err.Error() }
func (e notDone) Unwrap() error { return e.err }

// NotDone marks err as proof that the operation did not happen and never will.
func NotDone(err error) error { return notDone{err} }

// IsNotDone reports whether err proves that the operation did not happen.
func IsNotDone(err error) bool {
	var nd notDone
	return errors.As(err, &nd)
}

type coded struct {
	code string
	err  error
}

func (e coded) Error() string { return e.err.Error() }
func (e coded) Unwrap() error { return e.err }
func (e coded) Code() string  { return e.code }

// Coded gives err a short stable code ("timeout", "cas-mismatch").
func Coded(code string, err error) error { return coded{code, err} }

// ErrorOf makes the history's Err of a client's error. Without a code of its own it is "timeout", "cancelled" or "error".
func ErrorOf(err error) history.Err {
	if err == nil {
		return history.Err{}
	}
	var c Coder
	code := "error"
	switch {
	case errors.As(err, &c):
		code = c.Code()
	case errors.Is(err, context.DeadlineExceeded):
		code = "timeout"
	case errors.Is(err, context.Canceled):
		code = "cancelled"
	}
	return history.Err{Code: code, Text: err.Error()}
}
