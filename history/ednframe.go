package history

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// ednFrame cuts a stream of EDN into the text of its operations, in constant memory: maps that stand one after the other, or in
// one vector or list around them all. It knows as much of EDN's grammar (edn-format.org) as is needed to see where a form ends.
type ednFrame struct {
	in     *bufio.Reader
	line   int // of the byte that is read next
	around byte
	closed bool // the vector around the operations ended
	buf    []byte
}

// errEDNEnd is the error of a text that ends within a form.
var errEDNEnd = errors.New("expected more: the file ends within an operation")

// maxTags bounds how many tags one value has, so that a hostile file cannot exhaust the stack.
const maxTags = 16

func ednSpace(c byte) bool {
	return c == ' ' || c == ',' || c == '\n' || c == '\t' || c == '\r' || c == '\f' || c == '\v'
}

// ednDelimiter reports whether c ends a token that is no string.
func ednDelimiter(c byte) bool {
	return ednSpace(c) || c == '{' || c == '}' || c == '[' || c == ']' || c == '(' || c == ')' || c == '"' || c == ';'
}

// closers are the ends of collections.
var closers = map[byte]byte{'{': '}', '[': ']', '(': ')'}

// skip walks over white space and comments to the next byte that means something, which it does not take.
func (f *ednFrame) skip() (byte, error) {
	for {
		c, err := f.in.ReadByte()
		if err != nil {
			return 0, err
		}
		switch {
		case c == '\n':
			f.line++
		case ednSpace(c):
		case c == ';':
			if err := f.comment(); err != nil {
				return 0, err
			}
		default:
			return c, f.in.UnreadByte()
		}
	}
}

// comment walks to the end of the line.
func (f *ednFrame) comment() error {
	for {
		c, err := f.in.ReadByte()
		if err != nil {
			return err
		}
		if c == '\n' {
			f.line++
			return nil
		}
	}
}

// next gives the text of the next operation and the line on which it begins; io.EOF behind the last one. The bytes are good
// until the next call. Operations that are discarded with #_ are left out.
func (f *ednFrame) next() (form []byte, line int, err error) {
	for {
		c, err := f.skip()
		switch {
		case errors.Is(err, io.EOF) && f.around != 0 && !f.closed:
			return nil, f.line, fmt.Errorf("expected more: the file ends before the %c that closes the operations", closers[f.around])
		case err != nil:
			return nil, f.line, err
		case f.closed:
			return nil, f.line, f.expected("nothing behind the operations")
		case f.around != 0 && c == closers[f.around]:
			f.closed = true
			_, _ = f.in.ReadByte() // it was there
			continue
		case f.around == 0 && (c == '[' || c == '('):
			f.around = c
			_, _ = f.in.ReadByte() // it was there
			continue
		case c != '{' && c != '#':
			return nil, f.line, f.expected("an operation, {:process 0, :type :invoke, …}")
		}
		line = f.line
		f.buf = f.buf[:0]
		if err := f.form(); err != nil {
			return f.buf, line, err
		}
		if rest, discarded := bytes.CutPrefix(f.buf, []byte("#_")); discarded {
			if rest = bytes.TrimLeft(rest, " ,\t\r\n"); closers[rest[0]] == 0 {
				return nil, line, fmt.Errorf("expected a map behind #_, found %q", rest[:min(len(rest), 16)])
			}
			continue
		}
		return f.buf, line, nil
	}
}

// expected says what should have been here.
func (f *ednFrame) expected(what string) error {
	head, _ := f.in.Peek(utf8.UTFMax) // shorter at the end
	_, n := utf8.DecodeRune(head)
	return fmt.Errorf("expected %s, found %q", what, head[:n])
}

// take moves the next byte into buf.
func (f *ednFrame) take() (byte, error) {
	c, err := f.in.ReadByte()
	if errors.Is(err, io.EOF) {
		return 0, errEDNEnd
	}
	if err != nil {
		return 0, fmt.Errorf("read on: %w", err)
	}
	if len(f.buf) >= maxLine {
		return 0, fmt.Errorf("expected an operation of at most %d MiB", maxLine>>20)
	}
	f.buf = append(f.buf, c)
	if c == '\n' {
		f.line++
	}
	return c, nil
}

// form moves one operation into buf: a collection with whatever tag is before it.
func (f *ednFrame) form() error {
	var open []byte
	tags, begins := 0, true // in a row, and whether a token begins here
	for {
		c, err := f.take()
		if err != nil {
			return err
		}
		switch begin := begins; {
		case ednSpace(c):
			begins = true
		case c == '#': // also one behind another: #_#_
			begins = false
			if tags++; tags > maxTags {
				return fmt.Errorf("line %d: expected at most %d tags in a row", f.line, maxTags)
			}
		default:
			begins = ednDelimiter(c)
			if begin || begins {
				tags = 0
			}
		}
		switch c {
		case '{', '[', '(':
			if len(open) >= maxDepth {
				return fmt.Errorf("expected values nested less than %d deep", maxDepth)
			}
			open = append(open, closers[c])
		case '}', ']', ')':
			if len(open) == 0 || open[len(open)-1] != c {
				return fmt.Errorf("line %d: expected no %c here: nothing that it closes is open", f.line, c)
			}
			if open = open[:len(open)-1]; len(open) == 0 {
				return nil
			}
		case '"':
			err = f.quoted()
		case '\\': // a character, which may be a bracket
			_, err = f.take()
		case ';':
			f.buf = f.buf[:len(f.buf)-1]
			if err = f.comment(); errors.Is(err, io.EOF) {
				err = errEDNEnd
			}
			f.buf = append(f.buf, '\n')
		case '\n':
			if len(open) == 0 && len(f.buf) > 256 {
				return fmt.Errorf("expected an operation, found %q", f.buf[:64])
			}
		}
		if err != nil {
			return err
		}
	}
}

// quoted moves the rest of a string into buf.
func (f *ednFrame) quoted() error {
	for {
		c, err := f.take()
		if err != nil || c == '"' {
			return err
		}
		if c == '\\' {
			if _, err := f.take(); err != nil {
				return err
			}
		}
	}
}
