package history

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ednDecoder makes events of Jepsen's operations. Its memory is bounded.
type ednDecoder struct {
	names Decoder // for its strings
	keyed bool
	loose bool
}

// opTags are the tags that Jepsen's and Knossos's operations have had.
var opTags = []string{"jepsen.history.Op", "jepsen.history.op.Op", "knossos.op.Op", "knossos.core.Op"}

// ednFields are an operation's fields that say something here. Jepsen's operations may have any others.
var ednFields = []string{"index", "time", "process", "type", "f", "value", "ext", "node", "error", "took"}

// decode reads the text of one operation. missing says which of index and time it does not have.
func (d *ednDecoder) decode(form []byte) (op Op, missing int, err error) {
	body, err := untagged(form)
	if err != nil {
		return op, 0, err
	}
	fields := map[string][]byte{}
	for i := 1; ; {
		key, next, err := ednForm(body, i)
		if err != nil {
			return op, 0, err
		}
		if key == nil {
			break
		}
		value, next, err := ednForm(body, next)
		if err != nil {
			return op, 0, err
		}
		if value == nil {
			return op, 0, fmt.Errorf("expected a value behind %s", brief(key))
		}
		i = next
		name := strings.TrimPrefix(string(key), ":")
		if !slices.Contains(ednFields, name) {
			continue
		}
		if _, twice := fields[name]; twice {
			return op, 0, fmt.Errorf("field %s is there twice: expected it once", key)
		}
		fields[name] = value
	}
	for _, name := range ednFields {
		text, there := fields[name]
		if !there || string(text) == "nil" || name == "time" && string(text) == "-1" { // Jepsen's mark for no time
			there = there && name == "value"
			switch name {
			case "index":
				missing |= hasIndex
			case "time":
				missing |= hasTime
			case "type":
				return op, missing, errors.New("expected a field :type")
			case "process":
				if !d.loose {
					return op, missing, errors.New("expected a field :process (--loose takes one without for process 0)")
				}
			}
			if !there {
				continue
			}
		}
		if err := d.field(&op, name, text); err != nil {
			return op, missing, fmt.Errorf("field :%s: %w", name, err)
		}
	}
	return op, missing, d.shape(&op, fields["value"] != nil)
}

// untagged gives the map of an operation without its tag.
func untagged(form []byte) ([]byte, error) {
	i := bytes.IndexAny(form, "{[(")
	tag := strings.TrimSpace(string(form[:i]))
	if form[i] != '{' || tag != "" && !slices.Contains(opTags, strings.TrimPrefix(tag, "#")) {
		return nil, fmt.Errorf("expected an operation, {:process 0, :type :invoke, …} or #jepsen.history.Op{…}, found %s", brief(form))
	}
	return form[i:], nil
}

// brief cuts what is cited.
func brief(b []byte) string {
	const most = 40
	if len(b) <= most {
		return string(b)
	}
	return strings.ToValidUTF8(string(b[:most]), "") + "…"
}

// ednForm gives the next form in the inside of a map, and where to go on; nil at the map's end. The text is balanced and has no
// comments, the frame has seen to that.
func ednForm(b []byte, i int) (form []byte, next int, err error) {
	for {
		for i < len(b) && ednSpace(b[i]) {
			i++
		}
		if i >= len(b)-1 { // at the closing brace
			return nil, i, nil
		}
		if !bytes.HasPrefix(b[i:], []byte("#_")) {
			end := ednEnd(b, i)
			return b[i:end], end, nil
		}
		if form, i, err = ednForm(b, i+2); err != nil {
			return nil, i, err
		}
		if form == nil {
			return nil, i, errors.New("expected something behind #_")
		}
	}
}

// ednEnd gives the end of the form that begins at i.
func ednEnd(b []byte, i int) int {
	for b[i] == '#' && i+1 < len(b)-1 && closers[b[i+1]] == 0 { // tags
		j := i + 1
		for j < len(b) && !ednDelimiter(b[j]) {
			j++
		}
		for j < len(b) && ednSpace(b[j]) {
			j++
		}
		if j >= len(b)-1 {
			return len(b) - 1
		}
		i = j
	}
	if b[i] == '#' {
		i++
	}
	depth := 0
	for i < len(b) {
		switch c := b[i]; c {
		case '{', '[', '(':
			depth++
			i++
		case '}', ']', ')':
			depth--
			i++
		case '"':
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
			i++
		default:
			if ednSpace(c) {
				i++
				break
			}
			for i < len(b) && !ednDelimiter(b[i]) {
				if b[i] == '\\' { // a character, which may be a bracket
					i++
				}
				i++
			}
		}
		if depth == 0 {
			return min(i, len(b))
		}
	}
	return len(b)
}

// field reads one field's value into op.
func (d *ednDecoder) field(op *Op, name string, text []byte) (err error) {
	var n int64
	switch name {
	case "index":
		op.Index, err = ednWhole(text, math.MaxInt64)
	case "time":
		n, err = ednWhole(text, math.MaxInt64)
		op.Time = time.Duration(n)
	case "took":
		n, err = ednWhole(text, math.MaxInt64)
		op.Took = time.Duration(n)
	case "process":
		if s := string(text); s == ":nemesis" || s == `"nemesis"` {
			op.Process = Nemesis
			return nil
		}
		if n, err = ednWhole(text, math.MaxInt32); err != nil {
			return fmt.Errorf("%w or :nemesis", err)
		}
		op.Process = int32(n)
	case "type":
		var s string
		if s, err = d.name(text); err == nil {
			op.Type, err = ParseType(s)
		}
	case "f":
		op.F, err = d.name(text)
	case "node":
		op.Node, err = d.name(text)
	case "value":
		op.Value, err = d.value(text)
	case "ext":
		op.Ext, err = d.value(text)
	case "error":
		op.Err, err = d.error(text)
	}
	return err
}

func ednWhole(text []byte, most int64) (int64, error) {
	n, err := strconv.ParseInt(strings.TrimSuffix(string(text), "N"), 10, 64)
	if err != nil || n < 0 || n > most {
		return 0, fmt.Errorf("expected a whole number from 0 to %d, found %s", most, brief(text))
	}
	return n, nil
}

// name reads a keyword, a symbol or a string.
func (d *ednDecoder) name(text []byte) (string, error) {
	v, err := d.value(text)
	if err != nil {
		return "", err
	}
	s, ok := v.Str()
	if !ok {
		return "", fmt.Errorf("expected a keyword or a string, found %s", brief(text))
	}
	return d.names.intern(s), nil
}

// value gives any EDN as JSON.
func (d *ednDecoder) value(text []byte) (Value, error) {
	v, err := ednValue(text)
	return Value(d.names.intern(string(v))), err
}

// error reads what Jepsen's clients put there: a keyword, a keyword with more behind it, or anything else.
func (d *ednDecoder) error(text []byte) (Err, error) {
	v, err := d.value(text)
	if err != nil {
		return Err{}, err
	}
	keyword := text[0] == ':'
	s, isString := v.Str()
	list, _ := v.List()
	switch {
	case keyword && isString:
		return Err{Code: s}, nil
	case isString:
		return Err{Text: s}, nil
	case len(list) > 0 && text[0] != '#':
		code, ok := list[0].Str()
		if !ok {
			break
		}
		e := Err{Code: code}
		if len(list) == 2 {
			if e.Text, ok = list[1].Str(); ok {
				return e, nil
			}
		}
		if len(list) > 1 {
			e.Text = strings.TrimSuffix(strings.TrimPrefix(string(List(list[1:]...)), "["), "]")
		}
		return e, nil
	}
	return Err{Text: v.JSON()}, nil
}

// shape makes of Jepsen's values those of this package: the pair of an independent key, and the micro-operation of a send or poll.
func (d *ednDecoder) shape(op *Op, hasValue bool) error {
	if d.keyed && op.Client() {
		list, ok := op.Value.List()
		switch {
		case !hasValue && d.loose:
		case !ok || len(list) != 2:
			return fmt.Errorf("field :value: expected [key value], as --keyed says, found %s", brief([]byte(op.Value.JSON())))
		default:
			op.Key, op.Value = d.names.intern(ednKey(list[0])), Value(d.names.intern(string(list[1])))
		}
	}
	if d.loose && op.F == "" && op.Client() && strings.HasPrefix(string(op.Value), `[["`) {
		op.F = "txn"
	}
	if op.F == "send" || op.F == "poll" {
		op.Value = unwrapped(op.F, op.Value)
	}
	return nil
}

// ednKey gives an object's key as text: "" for nil.
func ednKey(v Value) string {
	if s, ok := v.Str(); ok {
		return s
	}
	return string(v)
}

// unwrapped takes the one micro-operation out of [["send",k,v]] and [["poll",m]].
func unwrapped(f string, v Value) Value {
	list, ok := v.List()
	if !ok || len(list) != 1 {
		return v
	}
	mop, _ := list[0].List()
	if len(mop) == 0 {
		return v
	}
	if name, _ := mop[0].Str(); name != f {
		return v
	}
	switch {
	case f == "poll" && len(mop) == 1:
		return ""
	case f == "poll" && len(mop) == 2:
		return mop[1]
	case f == "send" && len(mop) == 3:
		return List(mop[1:]...)
	}
	return v
}
