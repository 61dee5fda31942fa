// Command rungs runs the demo on every way to get nodes that this machine has, and prints a table: the rung, who ran it,
// seconds until the nodes were there and until the database served on each, and the verdicts. Root also runs it as an
// ordinary user who may do nothing. It ends with status 1 when a rung that works gives a verdict that is not the expected one.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"
)

// nobody is the ordinary user's number: on every Unix one that owns nothing.
const nobody = 65534

// rung is one line of the table.
type rung struct {
	provider string // --provider
	user     string
	plain    bool // by the ordinary user
}

// demo is what `partita demo --format json` prints, as far as the table needs it.
type demo struct {
	Provider string
	Rows     []struct {
		What, Expected, Found string
		Ready                 float64 `json:"ready_seconds"`
		Nodes                 float64 `json:"nodes_seconds"`
	}
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "rungs:", err)
		os.Exit(1)
	}
}

func run() error {
	binary := flag.String("partita", "bin/partita", "a static binary of Partita")
	store := flag.String("store", "runs", "folder of the runs")
	only := flag.String("only", "", "some rungs, comma separated: docker, netns, user, builtin")
	flag.Parse()
	me := "this user"
	if os.Geteuid() == 0 {
		me = "root"
	}
	rungs := map[string]rung{"docker": {"docker", me, false}, "netns": {"netns", me, false}, "user": {"auto", "an ordinary user", true}, "builtin": {"builtin", me, false}}
	names := []string{"docker", "netns", "user", "builtin"}
	if os.Geteuid() != 0 {
		names = []string{"docker", "netns", "builtin"}
	}
	if *only != "" {
		names = strings.Split(*only, ",")
	}
	var table bytes.Buffer
	tw := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(tw, "rung\tby\tnodes\tready\tverdicts")
	var errs []error
	for _, name := range names {
		r, ok := rungs[name]
		if !ok {
			return fmt.Errorf("no rung %q: choose from docker, netns, user, builtin", name)
		}
		line, err := r.row(*binary, *store)
		_, _ = fmt.Fprintln(tw, line)
		errs = append(errs, err)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	_, _ = table.WriteTo(os.Stdout)
	return errors.Join(errs...)
}

// row runs the demo on a rung.
func (r rung) row(binary, store string) (string, error) {
	binary, err := filepath.Abs(binary)
	if err != nil {
		return "", err
	}
	cmd := exec.Command(binary, "demo", "--provider", r.provider, "--store", store, "--format", "json")
	if r.plain {
		dir, err := os.MkdirTemp("", "partita-user-")
		if err != nil {
			return "", err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		if err := dress(cmd, binary, dir); err != nil {
			return "", err
		}
	}
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &tee{&stderr}
	err = cmd.Run()
	var d demo
	if jsonErr := json.Unmarshal(out.Bytes(), &d); jsonErr != nil {
		lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
		return fmt.Sprintf("%s\t%s\t\t\tnot here: %s", r.provider, r.user, lines[len(lines)-1]), nil
	}
	var verdicts []string
	for _, x := range d.Rows {
		v := x.Found
		if x.Found != x.Expected {
			v += " (expected " + x.Expected + ")"
		}
		verdicts = append(verdicts, v)
	}
	first := d.Rows[0]
	line := fmt.Sprintf("%s\t%s\t%.1f s\t%.1f s\t%s", d.Provider, r.user, first.Nodes, first.Ready, strings.Join(verdicts, ", "))
	if err != nil {
		err = fmt.Errorf("%s as %s: %w", d.Provider, r.user, err)
	}
	return line, err
}

// dress makes cmd one of the ordinary user, with a home and a copy of the binary in dir: a clone in root's home is closed
// to others.
func dress(cmd *exec.Cmd, binary, dir string) error {
	b, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	home, copied := filepath.Join(dir, "home"), filepath.Join(dir, "partita")
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(copied, b, 0o755), os.Mkdir(home, 0o755), os.Chown(home, nobody, nobody)); err != nil {
		return err
	}
	cmd.Path, cmd.Args[0], cmd.Dir = copied, copied, home
	for i, a := range cmd.Args {
		if a == "--store" {
			cmd.Args[i+1] = filepath.Join(home, "runs")
		}
	}
	cmd.Env = []string{"HOME=" + home, "PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	return nil
}

// tee shows what goes on and keeps it.
type tee struct{ kept *bytes.Buffer }

func (t *tee) Write(p []byte) (int, error) {
	_, _ = os.Stderr.Write(p)
	return t.kept.Write(p)
}
