package postgres

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// peer speaks as much of the protocol as the driver does, and counts the effects that it receives: statements that write,
// and COMMIT of a transaction that wrote.
type peer struct {
	addr string

	mu      sync.Mutex
	effects int
	cancels int
	at      string // the word of the statement at which it breaks off
	silent  bool   // by saying nothing, else by closing the connection
}

func (p *peer) breakAt(word string, silent bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at, p.silent = word, silent
}

// broken waits, where the peer breaks off at the statement, until the client goes, and reports whether it did.
func (p *peer) broken(sql string, c net.Conn) bool {
	p.mu.Lock()
	at, silent := p.at, p.silent
	p.mu.Unlock()
	word, _, _ := strings.Cut(sql, " ")
	if at == "" || word != at || sql == whoAmI {
		return false
	}
	if silent {
		_, _ = io.Copy(io.Discard, c)
	}
	return true
}

func newPeer(t *testing.T) *peer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{addr: l.Addr().String()}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { defer func() { _ = c.Close() }(); p.serve(c) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	return p
}

func (p *peer) counted() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.effects
}

func (p *peer) cancelled() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cancels
}

func (p *peer) serve(c net.Conn) {
	b := pgproto3.NewBackend(c, c)
	first, err := b.ReceiveStartupMessage()
	if err != nil {
		return
	}
	if _, is := first.(*pgproto3.CancelRequest); is {
		p.mu.Lock()
		p.cancels++
		p.mu.Unlock()
		return
	}
	b.Send(&pgproto3.AuthenticationOk{})
	b.Send(&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{1, 2, 3, 4}})
	b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	status, sql := byte('I'), ""
	for b.Flush() == nil {
		m, err := b.Receive()
		if err != nil {
			return
		}
		switch m := m.(type) {
		case *pgproto3.Parse:
			sql = m.Query
		case *pgproto3.Execute:
			status = p.execute(b, sql, status)
			if p.broken(sql, c) {
				return
			}
		case *pgproto3.Sync:
			b.Send(&pgproto3.ReadyForQuery{TxStatus: status})
		case *pgproto3.Terminate:
			return
		}
	}
}

// execute answers a statement as an empty primary would.
func (p *peer) execute(b *pgproto3.Backend, sql string, status byte) byte {
	b.Send(&pgproto3.ParseComplete{})
	b.Send(&pgproto3.BindComplete{})
	word, _, _ := strings.Cut(sql, " ")
	switch {
	case sql == whoAmI:
		b.Send(&pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{{Name: []byte("a")}, {Name: []byte("b")}}})
		b.Send(&pgproto3.DataRow{Values: [][]byte{[]byte("f"), nil}})
		word = "SELECT 1"
	case word == "BEGIN":
		status = 'T'
	case word == "COMMIT", word == "INSERT" && status == 'I', word == "UPDATE" && status == 'I':
		p.mu.Lock()
		p.effects++
		p.mu.Unlock()
		status = 'I'
	case word == "ROLLBACK":
		status = 'I'
	case word == "SELECT":
		b.Send(&pgproto3.RowDescription{})
	}
	tag := map[string]string{"INSERT": "INSERT 0 1", "UPDATE": "UPDATE 1", "SELECT": "SELECT 0"}[word]
	if tag == "" {
		tag = word
	}
	b.Send(&pgproto3.CommandComplete{CommandTag: []byte(tag)})
	return status
}
