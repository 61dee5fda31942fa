package ssh

import (
	"errors"
	"strings"
)

// Quote makes one line for a POSIX shell that runs args as they are: SSH carries a command as a string that the
// remote user's shell reads, so this is the one place where a list becomes a line. Every argument is quoted,
// the first too (an unquoted "if" or "A=b" would not be a command). A NUL byte cannot be carried and is an error.
func Quote(args []string) (string, error) {
	if len(args) == 0 || args[0] == "" {
		return "", errors.New("no command given")
	}
	var b strings.Builder
	for i, a := range args {
		if strings.IndexByte(a, 0) >= 0 {
			return "", errors.New("an argument has a NUL byte in it")
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteByte('\'')
		b.WriteString(strings.ReplaceAll(a, "'", `'\''`))
		b.WriteByte('\'')
	}
	return b.String(), nil
}
