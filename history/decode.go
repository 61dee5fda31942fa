package history

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"
	"unsafe"
)

// Decoder reads the lines of a history file. It keeps the strings it saw last, so that the same name on a
// million lines is one string; its memory is bounded. A Decoder must not be used by two goroutines at once.
type Decoder struct {
	seen [1024]string
	buf  []byte

	loose bool // index and time may be missing
}

// Decode reads one line. Fields may stand in any order; one that is not known, one that is there twice and one
// that is missing are errors that name it.
func (d *Decoder) Decode(line []byte) (Op, error) {
	if !utf8.Valid(line) {
		return Op{}, errors.New("expected UTF-8")
	}
	// The line's bytes are the caller's and will be overwritten: every string that leaves here is a copy (intern, Clone).
	op, _, err := d.decode(unsafe.String(unsafe.SliceData(line), len(line)), hasAll)
	return op, err
}

// decodeLoose is Decode for a line on which index and time may be missing, or the time -1; it says which are.
func (d *Decoder) decodeLoose(line []byte) (op Op, missing int, err error) {
	if !utf8.Valid(line) {
		return Op{}, 0, errors.New("expected UTF-8")
	}
	d.loose = true
	op, have, err := d.decode(unsafe.String(unsafe.SliceData(line), len(line)), hasProcess|hasType)
	d.loose = false
	return op, (hasIndex | hasTime) &^ have, err
}

// The bits of the fields seen so far.
const (
	hasIndex = 1 << iota
	hasTime
	hasProcess
	hasType
	hasF
	hasKey
	hasValue
	hasExt
	hasNode
	hasError
	hasTook
	hasAll = hasIndex | hasTime | hasProcess | hasType
)

var needed = []struct {
	bit  int
	name string
}{{hasIndex, "index"}, {hasTime, "time"}, {hasProcess, "process"}, {hasType, "type"}}

func (d *Decoder) decode(s string, need int) (op Op, have int, err error) {
	p := parser{s: s}
	p.space()
	if err := p.token('{', "an object, {"); err != nil {
		return op, have, err
	}
	for first := true; ; first = false {
		p.space()
		if first && p.i < len(s) && s[p.i] == '}' {
			break
		}
		name, _, err := p.text()
		if err != nil {
			return op, have, err
		}
		p.space()
		if err := p.token(':', "a colon"); err != nil {
			return op, have, err
		}
		p.space()
		bit, err := d.field(&p, &op, name)
		if err != nil {
			return op, have, fmt.Errorf("field %q: %w", name, err)
		}
		if have&bit != 0 {
			return op, have, fmt.Errorf("field %q is there twice: expected it once", name)
		}
		have |= bit
		p.space()
		if p.i < len(s) && s[p.i] == ',' {
			p.i++
			continue
		}
		if p.i < len(s) && s[p.i] == '}' {
			break
		}
		return op, have, p.expected("a comma or }")
	}
	p.i++
	p.space()
	if p.i < len(s) {
		return op, have, p.expected("the end of the line")
	}
	for _, n := range needed {
		if need&n.bit != 0 && have&n.bit == 0 {
			return op, have, fmt.Errorf("expected a field %q", n.name)
		}
	}
	return op, have, nil
}

// field reads one field's value into op.
func (d *Decoder) field(p *parser, op *Op, name string) (bit int, err error) {
	var n int64
	switch name {
	case "index":
		op.Index, err = p.whole(math.MaxInt64)
		return hasIndex, err
	case "time":
		if d.loose && strings.HasPrefix(p.s[p.i:], "-1") { // Jepsen's mark for no time
			return 0, p.number()
		}
		n, err = p.whole(math.MaxInt64)
		op.Time = time.Duration(n)
		return hasTime, err
	case "took":
		n, err = p.whole(math.MaxInt64)
		op.Took = time.Duration(n)
		return hasTook, err
	case "process":
		op.Process, err = d.process(p)
		return hasProcess, err
	case "type":
		op.Type, err = typeOf(p)
		return hasType, err
	case "f":
		op.F, err = d.name(p)
		return hasF, err
	case "key":
		op.Key, err = d.name(p)
		return hasKey, err
	case "node":
		op.Node, err = d.name(p)
		return hasNode, err
	case "value":
		op.Value, err = d.value(p)
		return hasValue, err
	case "ext":
		op.Ext, err = d.value(p)
		return hasExt, err
	case "error":
		op.Err, err = d.error(p)
		return hasError, err
	}
	return 0, errors.New("unknown: expected index, time, process, type, f, key, value, ext, node, error or took")
}

func (d *Decoder) process(p *parser) (int32, error) {
	const what = `a process's number or "nemesis"`
	if p.i < len(p.s) && p.s[p.i] == '"' {
		from := p.i
		s, _, err := p.text()
		if err == nil && s != "nemesis" {
			p.i = from
			return 0, p.expected(what)
		}
		return Nemesis, err
	}
	if p.i < len(p.s) && (p.s[p.i] < '0' || p.s[p.i] > '9') {
		return 0, p.expected(what)
	}
	n, err := p.whole(math.MaxInt32)
	return int32(n), err
}

func typeOf(p *parser) (Type, error) {
	s, _, err := p.text()
	if err != nil {
		return 0, err
	}
	switch s { // before ParseType, because it is on each line
	case "invoke":
		return Invoke, nil
	case "ok":
		return OK, nil
	}
	return ParseType(s)
}

func (d *Decoder) name(p *parser) (string, error) {
	s, own, err := p.text()
	if err != nil || own {
		return s, err
	}
	return d.intern(s), nil
}

func (d *Decoder) value(p *parser) (Value, error) {
	from := p.i
	p.spaced = false
	if err := p.value(0); err != nil {
		return "", err
	}
	s := p.s[from:p.i]
	if s == "null" {
		return "", nil
	}
	if p.spaced {
		d.buf, _ = appendCompact(d.buf[:0], s)
		return Value(d.buf), nil
	}
	return Value(d.intern(s)), nil
}

func (d *Decoder) error(p *parser) (e Err, err error) {
	if err := p.token('{', "an object of code and text"); err != nil {
		return e, err
	}
	for {
		p.space()
		name, _, err := p.text()
		if err != nil {
			return e, err
		}
		var into *string
		switch name {
		case "code":
			into = &e.Code
		case "text":
			into = &e.Text
		default:
			return e, fmt.Errorf("unknown field %q: expected code or text", name)
		}
		if *into != "" {
			return e, fmt.Errorf("field %q is there twice: expected it once", name)
		}
		p.space()
		if err := p.token(':', "a colon"); err != nil {
			return e, err
		}
		p.space()
		if *into, err = d.name(p); err != nil {
			return e, err
		}
		p.space()
		if p.i < len(p.s) && p.s[p.i] == ',' {
			p.i++
			continue
		}
		return e, p.token('}', "a comma or }")
	}
}

// intern gives a copy of s, the same one for the same text as long as it was seen lately.
func (d *Decoder) intern(s string) string {
	const most = 64
	if s == "" {
		return ""
	}
	if len(s) > most {
		return strings.Clone(s)
	}
	h := uint32(2166136261) // FNV-1a
	for i := range len(s) {
		h = (h ^ uint32(s[i])) * 16777619
	}
	slot := &d.seen[(h^h>>16)%uint32(len(d.seen))]
	if *slot != s {
		*slot = strings.Clone(s)
	}
	return *slot
}
