package txn

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/partita-dev/partita/history"
)

// mop is one micro-operation as it stands in a value's text.
type mop struct {
	f     string
	key   string // without the quotes
	value string // the text of the value
	at    int32  // where value begins in the whole text, -1 when it had to be rewritten
}

// reader splits the values of transactions into micro-operations. It allocates nothing as long as the values are compact
// JSON in which neither names nor keys have escapes; everything else goes the slow way.
type reader struct{ buf []mop }

// mops gives the micro-operations of a value. The slice is good until the next call.
func (r *reader) mops(v history.Value) ([]mop, error) {
	r.buf = r.buf[:0]
	if r.fast(string(v)) {
		return r.buf, nil
	}
	r.buf = r.buf[:0]
	mops, ok := v.Txn()
	if !ok {
		return nil, errShape(string(v))
	}
	for _, m := range mops {
		var compact bytes.Buffer
		if err := json.Compact(&compact, []byte(m.Value.JSON())); err != nil {
			return nil, errShape(string(v))
		}
		r.buf = append(r.buf, mop{m.F, m.Key, compact.String(), -1})
	}
	return r.buf, nil
}

func errShape(s string) error {
	const most = 60
	if len(s) > most {
		s = s[:most] + "…"
	}
	return fmt.Errorf("expected a list of micro-operations such as [[\"r\",\"x\",null],[\"append\",\"y\",1]], found %s", history.Value(s).JSON())
}

// fast reads a transaction's text, false when it does not understand it.
func (r *reader) fast(s string) bool {
	if s == "[]" {
		return true
	}
	if len(s) < 2 || s[0] != '[' || s[len(s)-1] != ']' {
		return false
	}
	for i := 1; ; {
		if !strings.HasPrefix(s[i:], `["`) {
			return false
		}
		var m mop
		if i, m.f = plainString(s, i+1); i < 0 || i >= len(s) || s[i] != ',' {
			return false
		}
		i++
		switch {
		case i >= len(s):
			return false
		case s[i] == '"':
			i, m.key = plainString(s, i)
		default:
			j := i
			for j < len(s) && (s[j] == '-' || s[j] >= '0' && s[j] <= '9') {
				j++
			}
			if j == i {
				return false
			}
			m.key, i = s[i:j], j
		}
		if i < 0 || i >= len(s) {
			return false
		}
		j := i + 1
		if s[i] != ',' {
			return false
		}
		if i = skipValue(s, j); i <= j {
			return false
		}
		m.value, m.at = s[j:i], int32(j)
		if i+1 >= len(s) || s[i] != ']' {
			return false
		}
		r.buf = append(r.buf, m)
		switch i++; {
		case s[i] == ']' && i == len(s)-1:
			return true
		case s[i] != ',':
			return false
		}
		i++
	}
}

// plainString reads a string without escapes that begins at i, and gives the place behind it.
func plainString(s string, i int) (int, string) {
	j := strings.IndexByte(s[i+1:], '"')
	if j < 0 {
		return -1, ""
	}
	text := s[i+1 : i+1+j]
	if strings.IndexByte(text, '\\') >= 0 {
		return -1, ""
	}
	return i + j + 2, text
}

// skipValue gives the place behind the value that begins at i. The text is JSON already; what is checked here is only
// that the walk stays inside of it.
func skipValue(s string, i int) int {
	if i >= len(s) {
		return -1
	}
	if s[i] == '[' && i+1 < len(s) && s[i+1] != '"' && s[i+1] != '[' && s[i+1] != '{' {
		j := strings.IndexByte(s[i:], ']')
		if j < 0 || strings.IndexByte(s[i:i+min(j, 64)], '"') >= 0 {
			return nestedValue(s, i)
		}
		return i + j + 1
	}
	return nestedValue(s, i)
}

// nestedValue walks over any value by the book: strings with their escapes, lists, objects.
func nestedValue(s string, i int) int {
	depth := 0
	for i < len(s) {
		switch c := s[i]; {
		case c == ' ' || c == '\n' || c == '\t' || c == '\r':
			return -1
		case c == '"':
			for i++; i < len(s) && s[i] != '"'; i++ {
				if s[i] == '\\' {
					i++
				}
			}
		case c == '[' || c == '{':
			depth++
		case (c == ']' || c == '}') && depth > 0:
			depth--
			if depth == 0 {
				return i + 1
			}
		case c == ']' || c == '}' || c == ',' && depth == 0:
			return i
		}
		i++
	}
	return -1
}

// spaced says whether there is white space in a text.
func spaced(s string) bool { return strings.ContainsAny(s, " \t\r\n") }

// elements splits the text of a list. "null" is the empty list; false for what is no list.
func elements(s string) ([]string, bool) {
	if spaced(s) {
		s = compacted(s)
	}
	if s == "null" || s == "[]" {
		return nil, true
	}
	if len(s) < 2 || s[0] != '[' {
		return nil, false
	}
	var out []string
	for i := 1; ; {
		j := nestedValue(s, i)
		if j <= i || j >= len(s) {
			return nil, false
		}
		out = append(out, s[i:j])
		switch {
		case s[j] == ']' && j == len(s)-1:
			return out, true
		case s[j] != ',':
			return nil, false
		}
		i = j + 1
	}
}

// small parses a whole number the fast way; false for anything that is not written as plainly as possible.
func small(s string) (int64, bool) {
	digits := s
	if len(s) > 0 && s[0] == '-' {
		digits = s[1:]
	}
	if len(digits) == 0 || len(digits) > 17 || digits[0] == '0' && len(s) > 1 {
		return 0, false
	}
	n := int64(0)
	for i := range len(digits) {
		d := digits[i] - '0'
		if d > 9 {
			return 0, false
		}
		n = n*10 + int64(d)
	}
	if len(digits) < len(s) {
		n = -n
	}
	return n, true
}
