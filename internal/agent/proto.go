package agent

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/partita-dev/partita/cluster"
)

// Protocol is the version of the language between controller and agent; both must have the same.
const Protocol = 1

// MaxLine is how many bytes one request or answer may have, its newline included.
const MaxLine = 1 << 20

// What a controller can ask for.
const (
	opHello   = "hello"
	opPing    = "ping"
	opRules   = "rules"
	opListen  = "listen"
	opProbe   = "probe"
	opHeard   = "heard"
	opStart   = "start"
	opSignal  = "signal"
	opStatus  = "status"
	opUndo    = "undo"
	opRelease = "release"
	opInfo    = "info"
	opQuit    = "quit"
)

// request is one line from the controller. IDs are the controller's and greater than 0; answers carry them back
// and may come in any order.
type request struct {
	ID   int64           `json:"id"`
	Op   string          `json:"op"`
	Body json.RawMessage `json:"body,omitempty"`
}

// answer is one line from the agent. ID is 0 for a line that could not be understood.
type answer struct {
	ID    int64           `json:"id"`
	Body  json.RawMessage `json:"body,omitempty"`
	Error *Error          `json:"error,omitempty"`
}

// Code says what kind of error an agent answered with.
type Code string

// The kinds of errors.
const (
	CodeBad    Code = "bad"    // the request makes no sense
	CodeHeld   Code = "held"   // another controller has the node
	CodeLease  Code = "lease"  // the asker's lease is over, and everything it did was undone
	CodeFailed Code = "failed" // it was tried and did not work
)

// Error is an agent's answer when it could not do what it was asked to.
type Error struct {
	Code Code   `json:"code"`
	Text string `json:"text"`
}

func (e *Error) Error() string { return e.Text }

// Is makes errors.Is work across the wire.
func (e *Error) Is(target error) bool {
	return e.Code == CodeHeld && target == ErrHeld || e.Code == CodeLease && target == ErrLease
}

var (
	// ErrHeld says that another controller holds the node; the error around it names that controller.
	ErrHeld = errors.New("the node is held by another controller")
	// ErrLease says that the controller's lease on the node is over: whatever it had broken there was undone.
	ErrLease = errors.New("the lease is over")
)

func bad(format string, args ...any) *Error {
	return &Error{Code: CodeBad, Text: fmt.Sprintf(format, args...)}
}

// asError makes an Error for the wire of any error.
func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return &Error{Code: e.Code, Text: err.Error()}
	}
	return &Error{Code: CodeFailed, Text: err.Error()}
}

type helloRequest struct {
	Protocol int           `json:"protocol"`
	Holder   string        `json:"holder,omitempty"` // "" only looks, and holds nothing
	Lease    time.Duration `json:"lease,omitempty"`  // ns; 0: DefaultLease
}

// Hello is what an agent says of itself.
type Hello struct {
	Protocol int           `json:"protocol"`
	Node     string        `json:"node"`
	PID      int           `json:"pid"`
	Sum      string        `json:"sum,omitempty"`    // sha256 of the agent's binary, as Install gave it
	Holder   string        `json:"holder,omitempty"` // who holds the node
	Left     time.Duration `json:"left,omitempty"`   // of that holder's lease
	Port     int           `json:"port"`             // where probes are heard
}

type rulesRequest struct {
	Drop []netip.Addr `json:"drop,omitempty"`
}

type rulesAnswer struct {
	Rules string `json:"rules"`
}

type signalRequest struct {
	Daemon string         `json:"daemon"`
	Signal cluster.Signal `json:"signal"`
}

type statusRequest struct {
	Daemon string `json:"daemon"`
}

type releaseRequest struct {
	Undo bool `json:"undo"`
}

// Info is what a node is, for a report and for doctor.
type Info struct {
	Kernel    string `json:"kernel"`
	IPTables  string `json:"iptables"`  // "iptables v1.8.9 (nf_tables)", or why there is none
	IP6Tables string `json:"ip6tables"` // the same for IPv6
	IPv6      bool   `json:"ipv6"`      // the kernel has IPv6 switched on
}

// decodeRequest reads one line. What it refuses is the sender's fault.
func decodeRequest(line []byte) (request, error) {
	var r request
	dec := json.NewDecoder(bytes.NewReader(line))
	if err := dec.Decode(&r); err != nil {
		return request{ID: max(r.ID, 0)}, bad("read a request: %v", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return request{ID: max(r.ID, 0)}, bad("read a request: more than one value on its line")
	}
	if r.ID <= 0 {
		return request{}, bad("read a request: its id is %d, expected one greater than 0", r.ID)
	}
	if len(r.Op) == 0 || len(r.Op) > 32 {
		return request{ID: r.ID}, bad("read a request: its op has %d bytes, expected 1 to 32", len(r.Op))
	}
	return r, nil
}

// body reads the body of a request into v; an empty one leaves v as it is.
func (r request) body(v any) error {
	if len(r.Body) == 0 {
		return nil
	}
	if err := json.Unmarshal(r.Body, v); err != nil {
		return bad("read the body of a %s request: %v", r.Op, err)
	}
	return nil
}

var errLong = errors.New("the line is longer than 1 MiB")

// readLine gives the next line without its newline. A line past MaxLine is skipped to its end and is errLong;
// a last line without a newline is torn, and is thrown away.
func readLine(br *bufio.Reader) ([]byte, error) {
	var line []byte
	long := false
	for {
		part, err := br.ReadSlice('\n')
		if !long {
			line = append(line, part...)
			if len(line) > MaxLine {
				long, line = true, nil
			}
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil:
			return nil, err
		case long:
			return nil, errLong
		}
		return line[:len(line)-1], nil
	}
}
