package e2e

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// A page that shows a file (```go file=PATH) shows what is in it. -update writes it there.
func TestDocsShowTheFilesTheyName(t *testing.T) {
	shown := 0
	for _, p := range pages(t) {
		text := p.text
		for _, b := range p.blocks("go") {
			path, ok := strings.CutPrefix(b.attr, "file=")
			if !ok {
				t.Errorf("%s shows code that no test compiles: name its file with file=PATH", p.path)
				continue
			}
			shown++
			code, err := os.ReadFile(filepath.Join(root, filepath.Dir(p.path), path))
			if err != nil {
				t.Error(err)
				continue
			}
			if b.text != string(code) {
				text = strings.Replace(text, b.attr+"\n"+b.text+"```", b.attr+"\n"+string(code)+"```", 1)
				if !*update {
					t.Errorf("%s does not show %s as it is: go test ./internal/e2e -run TestDocsShow -update", p.path, path)
				}
			}
		}
		if *update && text != p.text {
			if err := os.WriteFile(filepath.Join(root, p.path), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if shown == 0 {
		t.Error("no page shows a file")
	}
}

// The example for both, a workload and a target, stays short.
func TestOwnMainIsShort(t *testing.T) {
	files, err := filepath.Glob("testdata/ownmain/*.go")
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		lines += strings.Count(string(b), "\n")
	}
	if lines == 0 || lines >= 120 {
		t.Errorf("the example has %d lines in %v, expected less than 120", lines, files)
	}
}

// A user's own main knows what partita knows, and what it adds.
func TestOwnMain(t *testing.T) {
	own := ownMain(t, "./internal/e2e/testdata/ownmain")
	for _, c := range []struct {
		args, want string
	}{
		{"list targets", "etcd-cached"},
		{"list targets", ", hot."},
		{"list workloads", "hot"},
		{"test etcd-cached --dry-run", "workload     hot"},
		{"test etcd -w hot --faults partition:halves --dry-run", "partition:halves"},
	} {
		cmd := exec.CommandContext(t.Context(), own, strings.Fields(c.args)...)
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), c.want) {
			t.Errorf("%s: %v, expected %q in\n%s", c.args, err, c.want, out)
		}
	}
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	notSlug = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// slugs are the anchors of a page's headings, as hosts of Markdown make them.
func (p page) slugs() (s []string) {
	for _, m := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(p.text, ""), -1) {
		s = append(s, strings.ReplaceAll(notSlug.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-"))
	}
	return s
}

// brokenLinks lists the links to files of ours, and to headings in them, that lead nowhere.
func (p page) brokenLinks() (bad []string) {
	for _, m := range link.FindAllStringSubmatch(fenced.ReplaceAllString(p.text, ""), -1) {
		if strings.Contains(m[1], "://") {
			continue
		}
		path, anchor, _ := strings.Cut(m[1], "#")
		to := p
		if path != "" {
			to.path = filepath.Join(filepath.Dir(p.path), path)
			b, err := os.ReadFile(filepath.Join(root, to.path))
			if err != nil {
				bad = append(bad, m[1])
				continue
			}
			to.text = string(b)
		}
		if anchor != "" && !slices.Contains(to.slugs(), anchor) {
			bad = append(bad, m[1])
		}
	}
	return bad
}

func TestDocsLinksLeadSomewhere(t *testing.T) {
	linked := map[string]bool{}
	for _, p := range pages(t) {
		for _, l := range p.brokenLinks() {
			t.Errorf("%s: link to %s leads nowhere", p.path, l)
		}
		for _, m := range link.FindAllStringSubmatch(p.text, -1) {
			linked[filepath.Join(filepath.Dir(p.path), m[1])] = true
		}
	}
	for _, p := range pages(t) {
		if p.path != "README.md" && !linked[p.path] {
			t.Errorf("nothing links to %s", p.path)
		}
	}
}

// partita runs a command that must succeed and gives what it prints.
func partita(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "partita", args...).Output()
	if err != nil {
		t.Fatalf("partita %s: %v", strings.Join(args, " "), err)
	}
	return string(out)
}

var (
	helpFlag = regexp.MustCompile(`(?m)^ +(?:-\w, +)?--([\w-]+)(?:.*\(default (.*)\))?`)
	rowFlag  = regexp.MustCompile("(?m)^\\| `--?([\\w-]+)`[^|]*\\|([^|]*)\\|")
	status   = regexp.MustCompile(`(\d+) ([a-z][a-z ]*)`)
	rowFirst = regexp.MustCompile(`(?m)^\| (\d+) \|(.*)$`)
)

// flagErrors compares a page's table of flags with what --help says. A default in backticks is literal; one in words, or
// none, says that the program itself has none.
func flagErrors(p page, help string) (bad []string) {
	defaults := map[string]string{}
	for _, m := range helpFlag.FindAllStringSubmatch(help, -1) {
		defaults[m[1]] = strings.Trim(m[2], `"[]`)
	}
	rows := rowFlag.FindAllStringSubmatch(p.text, -1)
	if len(rows) == 0 {
		return []string{"there is no table of flags"}
	}
	for _, m := range rows {
		name, said := strings.Replace(m[1], "w", "workload", strings.Count(" "+m[1]+" ", " w ")), strings.TrimSpace(m[2])
		has, ok := defaults[name]
		if !ok {
			bad = append(bad, "--"+name+" is no flag")
			continue
		}
		want := ""
		if literal := strings.Trim(said, "`"); literal != said {
			want = literal
		}
		a, errA := time.ParseDuration(has)
		b, errB := time.ParseDuration(want)
		if has != want && (errA != nil || errB != nil || a != b) {
			bad = append(bad, fmt.Sprintf("--%s: the page says %q, the program %q", name, want, has))
		}
	}
	return bad
}

func TestDocsFlagsAndStatuses(t *testing.T) {
	help := partita(t, "test", "--help")
	ps := pages(t)
	at := slices.IndexFunc(ps, func(p page) bool { return p.path == "docs/running-a-test.md" })
	for _, bad := range flagErrors(ps[at], help) {
		t.Errorf("%s: %s", ps[at].path, bad)
	}
	for _, m := range helpFlag.FindAllStringSubmatch(help, -1) {
		if m[1] != "help" && !mentioned(ps, "`--"+m[1]) && !mentioned(ps, " --"+m[1]) {
			t.Errorf("no page mentions --%s", m[1])
		}
	}
	_, line, _ := strings.Cut(help, "Exit status:")
	line, _, _ = strings.Cut(line, "\n")
	rows := map[string]string{}
	for _, m := range rowFirst.FindAllStringSubmatch(ps[at].text, -1) {
		rows[m[1]] = m[2]
	}
	for _, m := range status.FindAllStringSubmatch(line, -1) {
		for _, word := range strings.Split(m[2], " or ") {
			if !strings.Contains(rows[m[1]], word) {
				t.Errorf("%s: the row of exit status %s does not say %q", ps[at].path, m[1], word)
			}
		}
		delete(rows, m[1])
	}
	if len(rows) > 0 {
		t.Errorf("%s has exit statuses that --help does not: %v", ps[at].path, rows)
	}
}

func mentioned(ps []page, s string) bool {
	return slices.ContainsFunc(ps, func(p page) bool { return strings.Contains(p.text, s) })
}

// first gives the first word of each line of a list.
func first(list string) (words []string) {
	for line := range strings.Lines(list) {
		if fs := strings.Fields(line); len(fs) > 0 {
			words = append(words, fs[0])
		}
	}
	return words
}

// section is what stands below a heading that names it, alone or among others, up to the next heading of its kind.
func (p page) section(name string) string {
	for _, s := range strings.Split(p.text, "\n## ")[1:] {
		title, text, _ := strings.Cut(s, "\n")
		if slices.Contains(strings.Split(title, ", "), name) {
			return text
		}
	}
	return ""
}

var rowName = regexp.MustCompile("(?m)^\\| `([^`]+)` \\|")

// Whatever `partita list` prints has its words, and what the page on faults promises is there.
func TestDocsKnowWhatThereIs(t *testing.T) {
	ps := pages(t)
	for _, what := range []string{"targets", "workloads", "checkers"} {
		for _, name := range first(partita(t, "list", what)) {
			if !mentioned(ps, "`"+name+"`") {
				t.Errorf("no page mentions %s %s", strings.TrimSuffix(what, "s"), name)
			}
		}
	}
	at := slices.IndexFunc(ps, func(p page) bool { return p.path == "docs/faults.md" })
	for _, bad := range faultErrors(ps[at], first(partita(t, "list", "faults"))) {
		t.Errorf("%s: %s", ps[at].path, bad)
	}
}

// faultErrors compares a page's tables of targets, one in the section of each kind, with the faults that there are:
// "kill", "kill:one", …
func faultErrors(p page, has []string) (bad []string) {
	said := map[string]bool{}
	for _, kind := range has {
		if strings.Contains(kind, ":") {
			continue
		}
		text := p.section(kind)
		if text == "" {
			bad = append(bad, "there is no section on "+kind)
		}
		for _, m := range rowName.FindAllStringSubmatch(text, -1) {
			said[kind+":"+strings.ReplaceAll(m[1], `\|`, "|")] = true
		}
	}
	for _, f := range has {
		if strings.Contains(f, ":") && !said[f] {
			bad = append(bad, "no row says what "+f+" is")
		}
		delete(said, f)
	}
	for _, f := range slices.Sorted(maps.Keys(said)) {
		bad = append(bad, f+" is not there")
	}
	return bad
}
