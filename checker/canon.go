package checker

import (
	"bytes"
	"encoding/json"
	"io"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/partita-dev/partita/history"
)

// Canonical gives one text for all spellings of a JSON value: no spaces, the fields of objects sorted, whole
// numbers without fraction or exponent; "null" for nil. What is not JSON stays as it is. Two values are equal
// when their canonical texts are.
func Canonical(v history.Value) string {
	if v.IsNil() {
		return "null"
	}
	s := string(v)
	if plainInt(s) {
		return s
	}
	dec := json.NewDecoder(bytes.NewReader([]byte(s)))
	dec.UseNumber()
	var x any
	if dec.Decode(&x) != nil {
		return s
	}
	if _, err := dec.Token(); err != io.EOF {
		return s
	}
	b, err := json.Marshal(plainNumbers(x))
	if err != nil {
		return s
	}
	return string(b)
}

// plainInt reports whether s is a whole number in its one spelling, the case of nearly every value.
func plainInt(s string) bool {
	d := s
	if len(d) > 1 && d[0] == '-' && d[1] != '0' {
		d = d[1:]
	}
	if d == "" || len(d) > 1 && d[0] == '0' {
		return false
	}
	for i := range len(d) {
		if d[i] < '0' || d[i] > '9' {
			return false
		}
	}
	return true
}

// plainNumbers rewrites 1.0 and 1e0 as 1 wherever a float64 holds the number exactly.
func plainNumbers(x any) any {
	const exact = 1 << 53
	switch x := x.(type) {
	case json.Number:
		if plainInt(x.String()) {
			return x
		}
		if f, err := x.Float64(); err == nil && f == float64(int64(f)) && f > -exact && f < exact {
			return json.Number(strconv.FormatInt(int64(f), 10))
		}
	case []any:
		for i := range x {
			x[i] = plainNumbers(x[i])
		}
	case map[string]any:
		for k := range x {
			x[k] = plainNumbers(x[k])
		}
	}
	return x
}

// Show gives a value for a sentence: nil for null, and cut when it is long.
func Show(v history.Value) string {
	if v.IsNil() {
		return "nil"
	}
	return cut(string(v), 60)
}

func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// Took gives a length of time for a sentence: 3.1 s, 42 ms, 310 µs.
func Took(d time.Duration) string {
	switch {
	case d < 0:
		return "no time"
	case d < time.Millisecond:
		return strconv.FormatInt(d.Microseconds(), 10) + " µs"
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	}
	return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
}
