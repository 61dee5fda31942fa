package history

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// AppendEDN appends op as Jepsen writes it, a plain map, without the line's end. With keyed, the value of a client's operation is
// the pair [key value] of an independent key, as jepsen.independent has it; without, a key is lost. Names are keywords where EDN
// allows it; what Jepsen has no field for (ext, node, took) stands in fields that it leaves alone.
func AppendEDN(dst []byte, op Op, keyed bool) []byte {
	dst = append(dst, "{:index "...)
	dst = strconv.AppendInt(dst, op.Index, 10)
	dst = append(dst, ", :time "...)
	dst = strconv.AppendInt(dst, int64(op.Time), 10)
	dst = append(dst, ", :type :"...)
	dst = append(dst, op.Type.String()...)
	dst = append(dst, ", :process "...)
	if op.Client() {
		dst = strconv.AppendInt(dst, int64(op.Process), 10)
	} else {
		dst = append(dst, ":nemesis"...)
	}
	if op.F != "" {
		dst = appendEDNName(append(dst, ", :f "...), op.F)
	}
	v := op.Value
	switch {
	case op.F == "send" && op.Client():
		if list, ok := v.List(); ok && len(list) == 2 {
			v = List(List(append([]Value{Str("send")}, list...)...))
		}
	case op.F == "poll" && op.Client():
		mop := []Value{Str("poll")}
		if !v.IsNil() {
			mop = append(mop, v)
		}
		v = List(List(mop...))
	}
	dst = append(dst, ", :value "...)
	if keyed && op.Client() {
		key := Str(op.Key)
		if plainWhole(op.Key) {
			key = Value(op.Key)
		} else if op.Key == "" {
			key = ""
		}
		dst = appendEDN(append(dst, '['), key, false)
		dst = append(appendEDN(append(dst, ' '), v, mops(op.F)), ']')
	} else {
		dst = appendEDN(dst, v, mops(op.F))
	}
	if !op.Ext.IsNil() {
		dst = appendEDN(append(dst, ", :ext "...), op.Ext, false)
	}
	if op.Node != "" {
		dst = appendEDNString(append(dst, ", :node "...), op.Node)
	}
	dst = appendEDNError(dst, op.Err)
	if op.Took != 0 {
		dst = append(dst, ", :took "...)
		dst = strconv.AppendInt(dst, int64(op.Took), 10)
	}
	return append(dst, '}')
}

// mops reports whether the values of an operation are lists of micro-operations, whose names are keywords.
func mops(f string) bool { return f == "txn" || f == "send" || f == "poll" }

func appendEDNError(dst []byte, e Err) []byte {
	switch {
	case e.IsZero():
		return dst
	case e.Code == "":
		return appendEDNString(append(dst, ", :error "...), e.Text)
	case e.Text == "" && plainWord(e.Code):
		return append(append(dst, ", :error :"...), e.Code...)
	}
	dst = appendEDNName(append(dst, ", :error ["...), e.Code)
	if e.Text != "" {
		dst = appendEDNString(append(dst, ' '), e.Text)
	}
	return append(dst, ']')
}

// appendEDNName appends a name as a keyword where it can be one.
func appendEDNName(dst []byte, s string) []byte {
	if plainWord(strings.ReplaceAll(s, ":", "a")) && !strings.HasPrefix(s, ":") && !strings.HasSuffix(s, ":") {
		return append(append(dst, ':'), s...)
	}
	return appendEDNString(dst, s)
}

// appendEDNString appends a string with the escapes that each reader of EDN knows.
func appendEDNString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for _, r := range s { // what is not UTF-8 becomes U+FFFD
		switch r {
		case '"', '\\':
			dst = append(dst, '\\', byte(r))
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, string(r)...)
		}
	}
	return append(dst, '"')
}

// appendEDN appends a value. With names, the first element of each inner list is a micro-operation's name. What is no JSON is
// a string of its text.
func appendEDN(dst []byte, v Value, names bool) []byte {
	if s := string(v); plainWhole(s) && len(s) < 18 {
		return append(dst, s...)
	}
	d := json.NewDecoder(bytes.NewReader([]byte(v.JSON())))
	d.UseNumber()
	var x any
	if !v.Valid() || d.Decode(&x) != nil {
		return appendEDNString(dst, string(v))
	}
	depth := -1
	if names {
		depth = 0
	}
	return appendEDNAny(dst, x, depth)
}

// appendEDNAny appends what encoding/json read; depth is that of the list in a list of micro-operations, -1 elsewhere.
func appendEDNAny(dst []byte, x any, depth int) []byte {
	switch x := x.(type) {
	case bool:
		return strconv.AppendBool(dst, x)
	case json.Number:
		return appendEDNNumber(dst, x.String())
	case string:
		return appendEDNString(dst, x)
	case []any:
		dst = append(dst, '[')
		for i, e := range x {
			if i > 0 {
				dst = append(dst, ' ')
			}
			name, isString := e.(string)
			switch {
			case depth == 1 && i == 0 && isString:
				dst = appendEDNName(dst, name)
			case depth == 0:
				dst = appendEDNAny(dst, e, 1)
			default:
				dst = appendEDNAny(dst, e, -1)
			}
		}
		return append(dst, ']')
	case map[string]any:
		return appendEDNObject(dst, x)
	}
	return append(dst, "nil"...)
}

// appendEDNObject appends a map. Keys that are whole numbers are numbers, as the accounts of Jepsen's bank; words are keywords.
func appendEDNObject(dst []byte, m map[string]any) []byte {
	dst = append(dst, '{')
	for i, k := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		if plainWhole(k) && len(k) < 18 {
			dst = append(dst, k...)
		} else {
			dst = appendEDNName(dst, k)
		}
		dst = appendEDNAny(append(dst, ' '), m[k], -1)
	}
	return append(dst, '}')
}

// appendEDNNumber appends a JSON number: EDN says of a whole one that is too large for 64 bits that it is.
func appendEDNNumber(dst []byte, s string) []byte {
	if strings.ContainsAny(s, ".eE") {
		if f, err := strconv.ParseFloat(s, 64); err != nil || math.IsInf(f, 0) {
			return appendEDNString(dst, s) // no reader has a number for it
		}
		return append(dst, s...)
	}
	dst = append(dst, s...)
	if _, err := strconv.ParseInt(s, 10, 64); err != nil {
		return append(dst, 'N')
	}
	return dst
}
