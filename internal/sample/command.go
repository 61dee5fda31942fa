package sample

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/partita-dev/partita/history"
)

// command is an effect as it stands in the log.
type command struct {
	Origin  uint64 // a replica in one of its lives
	Seq     uint64 // its number there: what is proposed twice has one
	Low     uint64 // what has a lower number will not be asked for any more
	Object  string
	F       string
	Key     string
	Value   history.Value
	Process int32
	At      time.Duration // when it was proposed, by the replica's clock
}

func encode(c command) []byte {
	b := make([]byte, 0, 48+len(c.Object)+len(c.F)+len(c.Key)+len(c.Value))
	for _, n := range []uint64{c.Origin, c.Seq, c.Low, uint64(c.Process), uint64(c.At)} {
		b = binary.AppendUvarint(b, n)
	}
	for _, s := range []string{c.Object, c.F, c.Key, string(c.Value)} {
		b = text(b, s)
	}
	return b
}

var errTorn = errors.New("it is torn")

// cursor reads what was encoded; after an error everything is zero.
type cursor struct {
	b   []byte
	err error
}

func (r *cursor) number() uint64 {
	n, k := binary.Uvarint(r.b)
	if k <= 0 {
		r.err, r.b = errTorn, nil
		return 0
	}
	r.b = r.b[k:]
	return n
}

func (r *cursor) text() string {
	n := r.number()
	if n > uint64(len(r.b)) {
		r.err, r.b = errTorn, nil
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

func text(b []byte, s string) []byte { return append(binary.AppendUvarint(b, uint64(len(s))), s...) }

func decode(b []byte) (c command, err error) {
	r := cursor{b: b}
	c.Origin, c.Seq, c.Low, c.Process, c.At = r.number(), r.number(), r.number(), int32(r.number()), time.Duration(r.number())
	c.Object, c.F, c.Key, c.Value = r.text(), r.text(), r.text(), history.Value(r.text())
	return c, r.err
}
