package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the code that the documents show anew from its files")

// root is the module's folder as seen from this one.
const root = "../.."

// page is one document.
type page struct {
	path string // from root
	text string
}

func pages(t *testing.T) []page {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	var ps []page
	for _, path := range append([]string{filepath.Join(root, "README.md")}, found...) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			t.Fatal(err)
		}
		ps = append(ps, page{rel, string(b)})
	}
	return ps
}

// block is fenced code: its language, what follows it on the fence, and its lines.
type block struct {
	lang, attr, text string
}

var fenced = regexp.MustCompile("(?ms)^```(\\w*) ?(.*?)\\n(.*?)^```$")

func (p page) blocks(lang string) (bs []block) {
	for _, m := range fenced.FindAllStringSubmatch(p.text, -1) {
		if m[1] == lang {
			bs = append(bs, block{m[1], m[2], m[3]})
		}
	}
	return bs
}

// command is one line of an sh block. A comment "# exits N" says with which status it ends; 0 is what is expected otherwise.
type command struct {
	line   string
	words  []string
	status int
}

var exits = regexp.MustCompile(`\bexits (\d+)`)

// commands lists what a page tells its reader to type. Whatever the tests would not execute is an error: it belongs
// into a fence without a language.
func (p page) commands() (cs []command, err error) {
	for _, b := range p.blocks("sh") {
		for line := range strings.Lines(b.text) {
			line = strings.TrimSpace(line)
			if line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			c := command{line: line}
			text, comment, _ := strings.Cut(line, " #")
			if m := exits.FindStringSubmatch(comment); m != nil {
				_, _ = fmt.Sscan(m[1], &c.status)
			}
			c.words = strings.Fields(text)
			c.words[0] = strings.TrimPrefix(c.words[0], "bin/")
			switch {
			case strings.ContainsAny(text, "'\"$`|;&<>*"):
				return nil, fmt.Errorf("%s: %q needs a shell, which the tests do not give it", p.path, line)
			case c.words[0] == "partita", c.words[0] == "make", len(c.words) > 2 && c.words[0] == "go" && c.words[1] == "run":
				cs = append(cs, c)
			default:
				return nil, fmt.Errorf("%s: %q is not executed by the tests: expected partita, make or go run", p.path, line)
			}
		}
	}
	return cs, nil
}

// needsDocker reports whether a command of Partita brings up nodes, asks whether it could, or goes on with what an
// earlier run left.
func needsDocker(args []string) bool {
	switch args[0] {
	case "cluster", "heal", "doctor":
		return true
	case "test":
		return !slices.Contains(args, "--dry-run")
	}
	return slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, "runs/") })
}

// everybodys reports whether a command would touch clusters that are not the test's own, or install something.
func everybodys(args []string) bool {
	line := strings.Join(args, " ")
	return line == "heal" || line == "demo" || strings.HasPrefix(line, "doctor --fix") || strings.HasPrefix(line, "cluster down --all")
}

// TestDocsCommands types every command of every page, in the page's order, in a folder where there is nothing but the
// documents. ID stands for the cluster that `partita cluster up` on that page printed. What the tests themselves are
// part of (make), what installs software, and what touches the clusters of others, is only looked up.
func TestDocsCommands(t *testing.T) {
	for _, p := range pages(t) {
		t.Run(p.path, func(t *testing.T) {
			cs, err := p.commands()
			if err != nil {
				t.Fatal(err)
			}
			r := newReader(t)
			for _, c := range cs {
				t.Run(strings.Join(c.words, " "), func(t *testing.T) { r.types(t, c) })
			}
		})
	}
}

// reader is somebody who follows a page.
type reader struct {
	dir     string
	env     []string
	cluster string
	netns   bool // the cluster is one of namespaces
}

func newReader(t *testing.T) *reader {
	t.Helper()
	r := &reader{dir: t.TempDir()}
	if err := os.CopyFS(filepath.Join(r.dir, "docs"), os.DirFS(filepath.Join(root, "docs"))); err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(r.dir, "state")
	r.env = append(os.Environ(), "PARTITA_STATE="+state, "PARTITA_TIME_LIMIT=14s", "NO_COLOR=1")
	t.Cleanup(func() { removeClusters(state, t.Log) })
	return r
}

func (r *reader) types(t *testing.T, c command) {
	program, args := c.words[0], c.words[1:]
	switch program {
	case "make":
		for _, target := range args {
			if err := makes(target); err != nil {
				t.Error(err)
			}
		}
		return
	case "go":
		program, args = ownMain(t, c.words[2]), c.words[3:]
	}
	for i, a := range args {
		if a == "ID" && r.cluster != "" {
			args[i] = r.cluster
		}
	}
	switch {
	case everybodys(args):
		args = append(args, "--help")
	case slices.Contains(args, "netns") || r.netns && args[0] == "cluster" || r.netns && args[0] == "heal":
		needNetns(t)
	case needsDocker(args):
		needDocker(t)
	}
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir, cmd.Env = r.dir, r.env
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != c.status {
		t.Fatalf("exit status %d, expected %d\n%s%s", got, c.status, out, errs.String())
	}
	if strings.HasPrefix(strings.Join(args, " "), "cluster up") {
		r.cluster, _, _ = strings.Cut(string(out), "\t")
		r.netns = slices.Contains(args, "netns")
	}
}

// makes looks for a target in the Makefile.
func makes(target string) error {
	b, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		return err
	}
	if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(target) + `:`).Match(b) {
		return fmt.Errorf("the Makefile has no target %q", target)
	}
	return nil
}

// ownMain builds a main package of the module, so that it can be run from elsewhere.
func ownMain(t *testing.T, pkg string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "partita")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", path, pkg)
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", pkg, err, out)
	}
	return path
}
