package history

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// errEnd is the error of a text that is right as far as it goes and ends too early.
var errEnd = errors.New("expected more: the line ends too early")

// maxDepth bounds how deeply values nest, so that a hostile file cannot exhaust the stack.
const maxDepth = 512

// parser walks over JSON text and is strict about it. With keep, it copies the value it walks over to out,
// without the white space.
type parser struct {
	s      string
	i      int
	out    []byte
	keep   bool
	spaced bool // there was white space
}

func (p *parser) space() {
	for p.i < len(p.s) {
		switch p.s[p.i] {
		case ' ', '\t', '\r', '\n':
			p.i++
			p.spaced = true
		default:
			return
		}
	}
}

// expected says what should have been here.
func (p *parser) expected(what string) error {
	if p.i >= len(p.s) {
		return errEnd
	}
	_, n := utf8.DecodeRuneInString(p.s[p.i:])
	return fmt.Errorf("column %d: expected %s, found %q", p.i+1, what, p.s[p.i:p.i+n])
}

// token walks over one byte.
func (p *parser) token(c byte, what string) error {
	if p.i >= len(p.s) || p.s[p.i] != c {
		return p.expected(what)
	}
	p.i++
	return nil
}

func (p *parser) copied(from int) {
	if p.keep {
		p.out = append(p.out, p.s[from:p.i]...)
	}
}

// value walks over any value.
func (p *parser) value(depth int) error {
	p.space()
	if p.i >= len(p.s) {
		return errEnd
	}
	if depth > maxDepth {
		return fmt.Errorf("column %d: expected values nested less than %d deep", p.i+1, maxDepth)
	}
	from := p.i
	var err error
	switch c := p.s[p.i]; {
	case c == '"':
		err = p.skipString()
	case c == '-' || c >= '0' && c <= '9':
		err = p.number()
	case c == '{' || c == '[':
		return p.nested(c, depth)
	case c == 't':
		err = p.word("true")
	case c == 'f':
		err = p.word("false")
	case c == 'n':
		err = p.word("null")
	default:
		err = p.expected("a JSON value")
	}
	p.copied(from)
	return err
}

// nested walks over a list or an object.
func (p *parser) nested(open byte, depth int) error {
	end, what := byte(']'), "a comma or ]"
	if open == '{' {
		end, what = '}', "a comma or }"
	}
	mark := func(c byte) {
		p.i++
		if p.keep {
			p.out = append(p.out, c)
		}
	}
	mark(open)
	p.space()
	if p.i < len(p.s) && p.s[p.i] == end {
		mark(end)
		return nil
	}
	for {
		if open == '{' {
			p.space()
			from := p.i
			if err := p.skipString(); err != nil {
				return err
			}
			p.copied(from)
			p.space()
			if p.i >= len(p.s) || p.s[p.i] != ':' {
				return p.expected("a colon")
			}
			mark(':')
		}
		if err := p.value(depth + 1); err != nil {
			return err
		}
		p.space()
		switch {
		case p.i < len(p.s) && p.s[p.i] == ',':
			mark(',')
		case p.i < len(p.s) && p.s[p.i] == end:
			mark(end)
			return nil
		default:
			return p.expected(what)
		}
	}
}

func (p *parser) word(w string) error {
	have := p.s[p.i:]
	switch {
	case strings.HasPrefix(have, w):
		p.i += len(w)
		return nil
	case strings.HasPrefix(w, have):
		return errEnd
	}
	return p.expected(w)
}

func (p *parser) digits() int {
	from := p.i
	for p.i < len(p.s) && p.s[p.i] >= '0' && p.s[p.i] <= '9' {
		p.i++
	}
	return p.i - from
}

// number walks over a number by JSON's grammar.
func (p *parser) number() error {
	if p.s[p.i] == '-' {
		p.i++
	}
	from := p.i
	n := p.digits()
	if n == 0 {
		return p.expected("a digit")
	}
	if n > 1 && p.s[from] == '0' {
		p.i = from
		return fmt.Errorf("column %d: expected a number without leading zeros", from+1)
	}
	if p.i < len(p.s) && p.s[p.i] == '.' {
		p.i++
		if p.digits() == 0 {
			return p.expected("a digit")
		}
	}
	if p.i < len(p.s) && p.s[p.i]|0x20 == 'e' {
		p.i++
		if p.i < len(p.s) && (p.s[p.i] == '+' || p.s[p.i] == '-') {
			p.i++
		}
		if p.digits() == 0 {
			return p.expected("a digit")
		}
	}
	return nil
}

// whole reads a whole number that is not negative.
func (p *parser) whole(most int64) (int64, error) {
	from := p.i
	var n int64
	for p.i < len(p.s) && p.s[p.i] >= '0' && p.s[p.i] <= '9' {
		d := int64(p.s[p.i] - '0')
		if n > (most-d)/10 {
			p.i = from
			return 0, fmt.Errorf("column %d: expected a number of at most %d", from+1, most)
		}
		n = n*10 + d
		p.i++
	}
	switch {
	case p.i == from:
		return 0, p.expected("a whole number, 0 or more")
	case p.i-from > 1 && p.s[from] == '0':
		return 0, fmt.Errorf("column %d: expected a number without leading zeros", from+1)
	case p.i < len(p.s) && (p.s[p.i] == '.' || p.s[p.i]|0x20 == 'e'):
		return 0, p.expected("a whole number, 0 or more")
	}
	return n, nil
}

// skipString walks over a string.
func (p *parser) skipString() error {
	if err := p.token('"', "a string"); err != nil {
		return err
	}
	for p.i < len(p.s) {
		switch c := p.s[p.i]; {
		case c == '"':
			p.i++
			return nil
		case c == '\\':
			if _, err := p.escape(); err != nil {
				return err
			}
		case c < ' ':
			return p.expected("no control character in a string")
		default:
			p.i++
		}
	}
	return errEnd
}

// escape reads one escape sequence, of two \u for a surrogate pair.
func (p *parser) escape() (rune, error) {
	p.i++
	if p.i >= len(p.s) {
		return 0, errEnd
	}
	c := p.s[p.i]
	if k := strings.IndexByte(`"\/bfnrt`, c); k >= 0 {
		p.i++
		return rune("\"\\/\b\f\n\r\t"[k]), nil
	}
	if c != 'u' {
		return 0, p.expected("an escape such as \\n")
	}
	r, err := p.hex4()
	if err != nil || !utf16.IsSurrogate(r) {
		return r, err
	}
	if strings.HasPrefix(p.s[p.i:], `\u`) {
		back := p.i
		p.i++
		low, err := p.hex4()
		if err != nil {
			return 0, err
		}
		if both := utf16.DecodeRune(r, low); both != utf8.RuneError {
			return both, nil
		}
		p.i = back
	}
	return utf8.RuneError, nil
}

// hex4 reads the u of an escape and its four digits.
func (p *parser) hex4() (rune, error) {
	p.i++
	for k := range 4 {
		if p.i+k >= len(p.s) {
			return 0, errEnd
		}
		if !strings.ContainsRune("0123456789abcdefABCDEF", rune(p.s[p.i+k])) {
			p.i += k
			return 0, p.expected("a hexadecimal digit")
		}
	}
	n, err := strconv.ParseUint(p.s[p.i:p.i+4], 16, 16)
	p.i += 4
	return rune(n), err
}

// text reads a string. The result is a part of the line when nothing in it is escaped, own otherwise.
func (p *parser) text() (s string, own bool, err error) {
	if err := p.token('"', "a string"); err != nil {
		return "", false, err
	}
	from := p.i
	for p.i < len(p.s) {
		switch c := p.s[p.i]; {
		case c == '"':
			p.i++
			return p.s[from : p.i-1], false, nil
		case c == '\\':
			return p.escaped(from)
		case c < ' ':
			return "", false, p.expected("no control character in a string")
		default:
			p.i++
		}
	}
	return "", false, errEnd
}

// escaped goes on with a string that has an escape in it.
func (p *parser) escaped(from int) (string, bool, error) {
	b := []byte(p.s[from:p.i])
	for p.i < len(p.s) {
		switch c := p.s[p.i]; {
		case c == '"':
			p.i++
			return string(b), true, nil
		case c == '\\':
			r, err := p.escape()
			if err != nil {
				return "", false, err
			}
			b = utf8.AppendRune(b, r)
		case c < ' ':
			return "", false, p.expected("no control character in a string")
		default:
			b = append(b, c)
			p.i++
		}
	}
	return "", false, errEnd
}
