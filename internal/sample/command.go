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
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return b
}

var errTorn = errors.New("it is torn")

func decode(b []byte) (c command, err error) {
	number := func() (n uint64) {
		n, k := binary.Uvarint(b)
		if k <= 0 {
			err, b = errTorn, nil
			return 0
		}
		b = b[k:]
		return n
	}
	text := func() string {
		n := number()
		if n > uint64(len(b)) {
			err = errTorn
			return ""
		}
		s := string(b[:n])
		b = b[n:]
		return s
	}
	c.Origin, c.Seq, c.Low, c.Process, c.At = number(), number(), number(), int32(number()), time.Duration(number())
	c.Object, c.F, c.Key, c.Value = text(), text(), text(), history.Value(text())
	return c, err
}
