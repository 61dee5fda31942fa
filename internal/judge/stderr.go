package judge

import "strings"

// ends keeps the beginning and the end of what a child writes to stderr: a Go program that dies says why first,
// others say it last.
type ends struct {
	head, tail []byte
	cut        bool
}

const keep = 2048

// Write never fails.
func (e *ends) Write(p []byte) (int, error) {
	n := len(p)
	if room := keep - len(e.head); room > 0 {
		e.head = append(e.head, p[:min(room, len(p))]...)
		p = p[min(room, len(p)):]
	}
	e.tail = append(e.tail, p...)
	if over := len(e.tail) - keep; over > 0 {
		e.tail, e.cut = append(e.tail[:0], e.tail[over:]...), true
	}
	return n, nil
}

// String gives the line that says why the child died, else the last lines.
func (e *ends) String() string {
	for line := range strings.Lines(string(e.head)) {
		for _, mark := range []string{"panic:", "fatal error:", "runtime: out of memory"} {
			if strings.HasPrefix(line, mark) {
				return strings.TrimSpace(line)
			}
		}
	}
	text := string(e.head)
	if e.cut {
		text += "\n…\n"
	}
	lines := strings.Split(strings.TrimSpace(text+string(e.tail)), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], " / ")
}
