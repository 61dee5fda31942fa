package cmd

import (
	"bytes"
	"strings"
	"testing"

	"github.com/partita-dev/partita/internal/catalog"
)

// FuzzFlags: whatever stands behind `partita test`, it is refused with an error, or it is a run whose plan can be printed and
// whose command, typed again, is the same run. Nothing is started.
func FuzzFlags(f *testing.F) {
	for _, s := range []string{
		"etcd", "etcd\n-w\nset\n--faults\npartition:halves,partition:one\n--time-limit\n2m\n--seed\n7", "etcd\n--faults=partition:n1|n2+n3", "etcd\n--param\ninitial=a b'c",
		"oracle", "", "etcd\n--concurrency\n9223372036854775807n", "etcd\n--concurrency\n-1n", "etcd\n--node-count\n-3", "etcd\n--interval\n1ns\n--time-limit\n100000h\n--faults\npartition",
		"etcd\n--rate\nNaN", "etcd\n--rate\n-Inf", "etcd\n--seed\n18446744073709551615", "etcd\n--faults\n,,:,partition:", "etcd\n--faults\npartition:\x00", "etcd\n--param\n=",
		"etcd\n--checker\nset,,stats", "etcd\n--test-count\n99999999999999", "etcd\n--\n--seed", "etcd\n--read-mode\nserializable\n--keys\n-1", "etcd\n--ops-per-key\n9999999999999999999",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		args := strings.Split(s, "\n")
		var out bytes.Buffer
		a := &app{catalog: catalog.Default(), stdout: &out, stderr: &out}
		plan := func(args []string) (text, command string, err error) {
			fl := &testFlags{}
			test := a.testCmdWith(fl)
			if err := test.cmd.ParseFlags(args[1:]); err != nil {
				return "", "", err
			}
			cfg, err := a.config(args[0], fl, test.cmd.Flags(), test.owners)
			if err != nil {
				return "", "", err
			}
			return cfg.Describe(), cfg.Command, nil
		}
		text, command, err := plan(args)
		if err != nil {
			if err.Error() == "" {
				t.Fatal("refused without a word")
			}
			return
		}
		if len(text) > 1<<20 {
			t.Fatalf("a plan of %d bytes", len(text))
		}
		again, ok := words(command)
		if !ok || len(again) < 3 || again[0] != "partita" || again[1] != "test" {
			t.Fatalf("the command cannot be typed: %q", command)
		}
		text2, command2, err := plan(again[2:])
		if err != nil || text2 != text || command2 != command {
			t.Fatalf("%q is not the same run (%v):\n%s\n%s", command, err, text, text2)
		}
	})
}

// words takes a command apart as a shell does that knows single quotes and backslashes.
func words(s string) (out []string, ok bool) {
	var b strings.Builder
	quoted, any := false, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\'':
			quoted, any = !quoted, true
		case quoted:
			b.WriteByte(c)
		case c == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
			any = true
		case c == ' ':
			if any {
				out = append(out, b.String())
			}
			b.Reset()
			any = false
		default:
			b.WriteByte(c)
			any = true
		}
	}
	if any {
		out = append(out, b.String())
	}
	return out, !quoted
}
