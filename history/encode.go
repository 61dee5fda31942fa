package history

import (
	"strconv"
	"unicode/utf8"
)

// AppendJSON appends op as it stands on a line of a history file, without the line's end. Index, time,
// process and type are always there; what is nil, empty or 0 is left out (a value of 0, [] or "" is not nil and stays).
// A Value or Ext that is not JSON is written as a JSON string of its text, so that no client's answer can
// break the file.
func AppendJSON(dst []byte, op Op) []byte {
	dst = append(dst, `{"index":`...)
	dst = strconv.AppendInt(dst, op.Index, 10)
	dst = append(dst, `,"time":`...)
	dst = strconv.AppendInt(dst, int64(op.Time), 10)
	if op.Process < 0 {
		dst = append(dst, `,"process":"nemesis"`...)
	} else {
		dst = append(dst, `,"process":`...)
		dst = strconv.AppendInt(dst, int64(op.Process), 10)
	}
	dst = append(dst, `,"type":"`...)
	dst = append(dst, op.Type.String()...)
	dst = append(dst, '"')
	dst = appendField(dst, `,"f":`, op.F)
	dst = appendField(dst, `,"key":`, op.Key)
	dst = appendValue(dst, `,"value":`, op.Value)
	dst = appendValue(dst, `,"ext":`, op.Ext)
	dst = appendField(dst, `,"node":`, op.Node)
	if !op.Err.IsZero() {
		dst = append(dst, `,"error":{`...)
		mark := len(dst)
		dst = appendField(dst, `,"code":`, op.Err.Code)
		dst = appendField(dst, `,"text":`, op.Err.Text)
		dst = append(dst[:mark], dst[mark+1:]...) // the first comma
		dst = append(dst, '}')
	}
	if op.Took != 0 {
		dst = append(dst, `,"took":`...)
		dst = strconv.AppendInt(dst, int64(op.Took), 10)
	}
	return append(dst, '}')
}

func appendField(dst []byte, name, s string) []byte {
	if s == "" {
		return dst
	}
	return appendString(append(dst, name...), s)
}

func appendValue(dst []byte, name string, v Value) []byte {
	if v.IsNil() {
		return dst
	}
	dst = append(dst, name...)
	mark := len(dst)
	dst, ok := appendCompact(dst, string(v))
	if !ok {
		return appendString(dst[:mark], string(v))
	}
	return dst
}

const hex = "0123456789abcdef"

// appendString appends s as a JSON string. Bytes that are not UTF-8 become U+FFFD.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				dst = append(append(dst, s[start:i]...), "\ufffd"...)
				start = i + 1
			}
			i += n
			continue
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		start = i
	}
	return append(append(dst, s[start:]...), '"')
}

// Valid reports whether v is nil or one JSON value and nothing else.
func (v Value) Valid() bool {
	if v.IsNil() {
		return true
	}
	var small [64]byte
	_, ok := appendCompact(small[:0], string(v))
	return ok
}

// appendCompact appends the JSON text s without white space between its tokens; false when s is not JSON.
func appendCompact(dst []byte, s string) ([]byte, bool) {
	p := parser{s: s, out: dst, keep: true}
	if err := p.value(0); err != nil {
		return dst, false
	}
	p.space()
	return p.out, p.i == len(s) && utf8.ValidString(s)
}
