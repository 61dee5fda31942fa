package history

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Value is a small piece of JSON, kept as its text, so that it is comparable and costs nothing that
// nobody looks at. The zero Value is nil (JSON null); nil, 0 and [] are three different values.
type Value string

// Mop is one micro-operation of a transaction: ["append","x",1], ["r","x",[1]], ["w","x",2].
type Mop struct {
	F     string
	Key   string
	Value Value
}

// Int makes a Value of a number.
func Int(n int64) Value { return Value(strconv.FormatInt(n, 10)) }

// Str makes a Value of a string.
func Str(s string) Value {
	b, _ := json.Marshal(s) // a string always marshals
	return Value(b)
}

// Of makes a Value of anything that encoding/json takes. It panics on what JSON cannot hold, which is a bug of the caller.
func Of(x any) Value {
	b, err := json.Marshal(x)
	if err != nil {
		panic(fmt.Sprintf("history.Of(%T): %v", x, err))
	}
	if string(b) == "null" {
		return ""
	}
	return Value(b)
}

// List makes a Value of a list; no arguments make the empty list, not nil.
func List(vs ...Value) Value {
	var b strings.Builder
	b.WriteByte('[')
	for i, v := range vs {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(v.JSON())
	}
	b.WriteByte(']')
	return Value(b.String())
}

// Pair makes a Value of two, as a cas has: [from,to].
func Pair(a, b Value) Value { return List(a, b) }

// Txn makes a Value of a transaction's micro-operations.
func Txn(mops []Mop) Value {
	vs := make([]Value, len(mops))
	for i, m := range mops {
		vs[i] = List(Str(m.F), Str(m.Key), m.Value)
	}
	return List(vs...)
}

// IsNil reports whether there is no value.
func (v Value) IsNil() bool { return v == "" || v == "null" }

// JSON gives the value's text, "null" for nil.
func (v Value) JSON() string {
	if v == "" {
		return "null"
	}
	return string(v)
}

// Int gives the number in v; false when v is something else.
func (v Value) Int() (int64, bool) {
	n, err := strconv.ParseInt(string(v), 10, 64)
	return n, err == nil
}

// Str gives the string in v; false when v is something else.
func (v Value) Str() (string, bool) {
	var s string
	if len(v) == 0 || v[0] != '"' || json.Unmarshal([]byte(v), &s) != nil {
		return "", false
	}
	return s, true
}

// List gives the elements of a list; false when v is something else.
func (v Value) List() ([]Value, bool) {
	if len(v) == 0 || v[0] != '[' {
		return nil, false
	}
	var raw []json.RawMessage
	if json.Unmarshal([]byte(v), &raw) != nil {
		return nil, false
	}
	vs := make([]Value, len(raw))
	for i, r := range raw {
		if s := string(r); s != "null" {
			vs[i] = Value(s)
		}
	}
	return vs, true
}

// Pair gives the two elements of a list of two; false when v is something else.
func (v Value) Pair() (a, b Value, ok bool) {
	vs, ok := v.List()
	if !ok || len(vs) != 2 {
		return "", "", false
	}
	return vs[0], vs[1], true
}

// Txn gives a transaction's micro-operations; false when v is something else. Keys that are numbers become their text.
func (v Value) Txn() ([]Mop, bool) {
	vs, ok := v.List()
	if !ok {
		return nil, false
	}
	mops := make([]Mop, len(vs))
	for i, e := range vs {
		m, ok := e.List()
		if !ok || len(m) != 3 {
			return nil, false
		}
		f, isStr := m[0].Str()
		if !isStr {
			return nil, false
		}
		key, isStr := m[1].Str()
		if !isStr {
			key = string(m[1])
		}
		mops[i] = Mop{F: f, Key: key, Value: m[2]}
	}
	return mops, true
}

// Decode unmarshals v into p, as encoding/json does.
func (v Value) Decode(p any) error { return json.Unmarshal([]byte(v.JSON()), p) }

// MarshalJSON writes the value itself, null for nil.
func (v Value) MarshalJSON() ([]byte, error) { return []byte(v.JSON()), nil }

// UnmarshalJSON keeps the text, compacted by the caller's decoder or not; null becomes nil.
func (v *Value) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*v = ""
		return nil
	}
	*v = Value(b)
	return nil
}
