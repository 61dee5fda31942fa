package agent

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestLines(t *testing.T) {
	long := strings.Repeat("x", MaxLine+1)
	br := bufio.NewReader(strings.NewReader("a\n\n" + long + "\nb\ntorn"))
	for _, want := range []struct {
		line string
		err  error
	}{{"a", nil}, {"", nil}, {"", errLong}, {"b", nil}, {"", io.EOF}} {
		if line, err := readLine(br); string(line) != want.line || !errors.Is(err, want.err) {
			t.Errorf("%.20q %v, expected %q %v", line, err, want.line, want.err)
		}
	}
}

// A line never makes the decoder panic; what it takes is a request that can be answered.
func FuzzRequest(f *testing.F) {
	for _, s := range []string{`{"id":1,"op":"ping"}`, `{"id":2,"op":"rules","body":{"drop":["10.0.0.1","fd00::1"]}}`,
		`{"id":1,"op":"hello","body":{"protocol":1,"holder":"run-1","lease":20000000000}}`, `{"id":-9,"op":""}`, `[]`, `null`, `{"id":1e99}`, "{\"id\":1,\"op\":\"\xff\"}",
		`{"id":1,"op":"probe","body":{"peers":[{"addrs":["::ffff:1.2.3.4%x"]}],"spacing":-1}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := decodeRequest(line)
		var e *Error
		if err != nil {
			if !errors.As(err, &e) || e.Code != CodeBad || r.ID < 0 {
				t.Fatalf("%v %+v", err, r)
			}
			return
		}
		if r.ID <= 0 || r.Op == "" || len(r.Op) > 32 {
			t.Fatalf("%+v", r)
		}
		for _, body := range []any{&helloRequest{}, &rulesRequest{}, &ListenRequest{}, &HeardRequest{}, &signalRequest{}} {
			_ = r.body(body)
		}
		var p ProbeRequest
		if r.body(&p) == nil && p.check() == nil && (p.Count > 100 || len(p.Peers) == 0) {
			t.Fatalf("%+v", p)
		}
		var d rulesRequest
		if r.body(&d) == nil {
			if v4, v6, err := checkDrop(d.Drop); err == nil {
				for _, line := range append(wanted(v4), wanted(v6)...) {
					if strings.ContainsAny(line, "\n%;") || !strings.HasPrefix(line, "-A PARTITA -s ") {
						t.Fatalf("a rule %q", line)
					}
				}
			}
		}
	})
}

// What is taken for a probe says exactly the same when it is written again.
func FuzzPacket(f *testing.F) {
	f.Add(packet{"c", "r", "n1", "n2", kindOld, 7}.bytes())
	f.Add([]byte(echoMagic))
	f.Add([]byte("partita1 c r n1 n2 fresh 007"))
	f.Add([]byte("partita1 c r .. n2 fresh -1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := parsePacket(b); err == nil && !bytes.Equal(p.bytes(), b) {
			t.Fatalf("%q became %q", b, p.bytes())
		}
	})
}

func FuzzStat(f *testing.F) {
	f.Add("17 (a) b) S 1 17 17 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 12345 1000 1")
	f.Add("1 (x")
	f.Add(") (")
	f.Fuzz(func(t *testing.T, line string) { _, _ = parseStat(line) })
}

func TestStat(t *testing.T) {
	p, err := parseStat("17 (a) (\n b) T 3 16 15 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 12345 1000 1")
	if want := (process{17, 3, 15, 'T', 1, 12345}); err != nil || p != want {
		t.Errorf("%+v %v", p, err)
	}
}

func TestErrorsKeepTheirKindOverTheWire(t *testing.T) {
	b, err := json.Marshal(asError(over()))
	if err != nil {
		t.Fatal(err)
	}
	var e Error
	if err := json.Unmarshal(b, &e); err != nil || !errors.Is(&e, ErrLease) || errors.Is(&e, ErrHeld) {
		t.Errorf("%s %v", b, err)
	}
	if e := asError(errors.New("x")); e.Code != CodeFailed {
		t.Errorf("%+v", e)
	}
}
