package history

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"olympos.io/encoding/edn"
)

// ednValue gives the text of one EDN value as JSON. Keywords, symbols, characters, instants and strings are strings; vectors, lists
// and sets are lists, those of sets in order; keys of maps are texts; of a tagged value it is the value that counts.
func ednValue(text []byte) (Value, error) {
	if v, ok := ednAtom(text); ok {
		return v, nil
	}
	var x any
	if err := ednParse(text, &x); err != nil {
		return "", fmt.Errorf("%s: %w", brief(text), err)
	}
	b, err := appendEDNValue(nil, x)
	if err != nil {
		return "", err
	}
	if string(b) == "null" {
		return "", nil
	}
	return Value(b), nil
}

// ednParse hands text to the library; what it panics with on a hostile text is an error.
func ednParse(text []byte, x *any) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("expected EDN: %v", p)
		}
	}()
	d := edn.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(x); err != nil {
		return fmt.Errorf("expected EDN: %w", err)
	}
	return nil
}

// ednAtom reads what nearly all tokens are: nil, true, false, small whole numbers, plain keywords and plain strings.
func ednAtom(b []byte) (Value, bool) {
	switch s := string(b); {
	case len(s) == 0 || !utf8.ValidString(s):
		return "", false
	case s == "nil":
		return "", true
	case s == "true" || s == "false":
		return Value(s), true
	case s[0] == ':' && len(s) > 1 && plainWord(s[1:]):
		return Value(`"` + s[1:] + `"`), true
	case s[0] == '"' && len(s) >= 2 && !strings.ContainsAny(s[1:len(s)-1], "\\\"") && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' }):
		return Value(s), true
	case len(s) < 18 && plainWhole(s):
		return Value(s), true
	}
	return "", false
}

// plainWord reports whether s can be a keyword's name in any reader, and so a JSON string between quotes.
func plainWord(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && c != '_' && c != '?' && c != '!' && c != '*' && c != '-' && c != '+' && (c < '0' || c > '9' || i == 0) {
			return false
		}
	}
	return s != ""
}

// plainWhole reports whether s is a whole number in its one spelling.
func plainWhole(s string) bool {
	d := strings.TrimPrefix(s, "-")
	if d == "" || d[0] == '0' && s != "0" {
		return false
	}
	for i := range len(d) {
		if d[i] < '0' || d[i] > '9' {
			return false
		}
	}
	return true
}

// appendEDNValue appends what the library read as JSON.
func appendEDNValue(dst []byte, x any) ([]byte, error) {
	switch x := x.(type) {
	case nil:
		return append(dst, "null"...), nil
	case bool:
		return strconv.AppendBool(dst, x), nil
	case int64:
		return strconv.AppendInt(dst, x, 10), nil
	case big.Int:
		return x.Append(dst, 10), nil
	case float64:
		return appendFloat(dst, x), nil
	case edn.Keyword:
		return appendString(dst, string(x)), nil
	case edn.Symbol:
		return appendString(dst, string(x)), nil
	case string:
		return appendString(dst, x), nil
	case rune:
		return appendString(dst, string(x)), nil
	case time.Time:
		return appendString(dst, x.Format(time.RFC3339Nano)), nil
	case []byte:
		return appendString(dst, base64.StdEncoding.EncodeToString(x)), nil
	case edn.Tag:
		return appendEDNValue(dst, x.Value)
	case *any: // a key that cannot be hashed
		return appendEDNValue(dst, *x)
	case []any:
		dst = append(dst, '[')
		var err error
		for i, e := range x {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = appendEDNValue(dst, e); err != nil {
				return dst, err
			}
		}
		return append(dst, ']'), nil
	case map[any]bool:
		return appendEDNSet(dst, x)
	case map[any]any:
		return appendEDNMap(dst, x)
	}
	return dst, fmt.Errorf("expected plain data, found a %T", x)
}

func appendFloat(dst []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return appendString(dst, strconv.FormatFloat(f, 'g', -1, 64))
	}
	b, err := json.Marshal(f)
	if err != nil { // it is finite
		return append(dst, "null"...)
	}
	return append(dst, b...)
}

// appendEDNSet appends a set's elements in an order that does not depend on the file's: numbers by size, then the rest by text.
func appendEDNSet(dst []byte, set map[any]bool) ([]byte, error) {
	texts := make([]string, 0, len(set))
	for e := range set {
		b, err := appendEDNValue(nil, e)
		if err != nil {
			return dst, err
		}
		texts = append(texts, string(b))
	}
	slices.SortFunc(texts, func(a, b string) int {
		if plainWhole(a) && plainWhole(b) && len(a) < 18 && len(b) < 18 {
			x, _ := strconv.ParseInt(a, 10, 64)
			y, _ := strconv.ParseInt(b, 10, 64)
			return cmp.Compare(x, y)
		}
		if plainWhole(a) != plainWhole(b) {
			return map[bool]int{true: -1, false: 1}[plainWhole(a)]
		}
		return cmp.Compare(a, b)
	})
	return append(append(append(dst, '['), strings.Join(texts, ",")...), ']'), nil
}

// appendEDNMap appends a map whose keys become texts, in their order.
func appendEDNMap(dst []byte, m map[any]any) ([]byte, error) {
	type entry struct{ key, value string }
	entries := make([]entry, 0, len(m))
	for k, v := range m {
		kb, err := appendEDNValue(nil, k)
		if err != nil {
			return dst, err
		}
		vb, err := appendEDNValue(nil, v)
		if err != nil {
			return dst, err
		}
		key := string(kb)
		if kb[0] != '"' {
			key = string(appendString(nil, key))
		}
		entries = append(entries, entry{key, string(vb)})
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.value, b.value)) })
	dst = append(dst, '{')
	for i, e := range entries {
		if i > 0 {
			if e.key == entries[i-1].key {
				return dst, fmt.Errorf("two keys of a map are %s as text: expected keys that differ", e.key)
			}
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, e.key...), ':'), e.value...)
	}
	return append(dst, '}'), nil
}
