package house

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/partita-dev/partita"

// floors are the storeys of the house: a package imports from lower floors and, where the floor says so, from its own.
var floors = []struct {
	packages []string
	own      bool // packages of this floor may import one another
}{
	{[]string{"history"}, false},
	{[]string{"cluster", "checker"}, false},
	{[]string{"internal/ssh", "internal/agent", "internal/remote"}, true},
	{[]string{"clients", "nemesis", "docker", "workloads"}, false},
	{[]string{"internal/netns", "internal/sample", "internal/sched", "internal/store", "internal/judge", "internal/report", "internal/doctor", "internal/findings", "internal/catalog", "internal/run"}, true},
	{[]string{"cmd"}, false},
	{[]string{"cmd/partita", "bench", "internal/house", "internal/e2e", "internal/torture"}, true},
}

type pkg struct {
	ImportPath, Dir string
	Doc             string
	Imports         []string
	GoFiles         []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Dir,Doc,Imports,GoFiles", module+"/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var ps []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); err == io.EOF {
			return ps
		} else if err != nil {
			t.Fatal(err)
		}
		ps = append(ps, p)
	}
}

// place gives the floor and the room (the entry of floors) of a package; test helpers below a room belong to it.
func place(path string) (floor int, room string) {
	rel := strings.TrimPrefix(path, module+"/")
	floor = -1
	for i, f := range floors {
		for _, r := range f.packages {
			if (rel == r || strings.HasPrefix(rel, r+"/")) && len(r) > len(room) {
				floor, room = i, r
			}
		}
	}
	return floor, room
}

// wrong says why one import breaks the rule, "" when it does not.
func wrong(from, to string) string {
	if !strings.HasPrefix(to, module+"/") {
		return ""
	}
	ff, fr := place(from)
	tf, tr := place(to)
	switch {
	case tf < 0:
		return "imports " + to + ", which has no place in the house"
	case tf > ff:
		return "imports " + to + ", which is above it"
	case tf == ff && fr != tr && !floors[ff].own:
		return "imports " + to + ", its neighbour"
	}
	return ""
}

func TestImportsGoOneWay(t *testing.T) {
	for _, p := range packages(t) {
		if f, _ := place(p.ImportPath); f < 0 {
			t.Errorf("%s has no place in the house", p.ImportPath)
			continue
		}
		for _, imp := range p.Imports {
			if why := wrong(p.ImportPath, imp); why != "" {
				t.Errorf("%s %s", p.ImportPath, why)
			}
		}
	}
}

func TestTheRuleCatchesWhatItForbids(t *testing.T) {
	for _, c := range []struct{ from, to string }{
		{"workloads", "clients"}, {"clients/etcd", "docker"}, {"history", "cluster"}, {"nemesis", "internal/run"}, {"cluster", "checker"},
	} {
		if wrong(module+"/"+c.from, module+"/"+c.to) == "" {
			t.Errorf("%s may import %s", c.from, c.to)
		}
	}
	for _, c := range []struct{ from, to string }{{"clients/etcd", "clients"}, {"internal/run", "nemesis"}, {"cmd/partita", "cmd"}} {
		if why := wrong(module+"/"+c.from, module+"/"+c.to); why != "" {
			t.Errorf("%s %s", c.from, why)
		}
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.GoFiles) > 0 && p.Doc == "" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}

func TestNoFileIsLongerThan500Lines(t *testing.T) {
	const most = 500
	for _, p := range packages(t) {
		files, err := filepath.Glob(filepath.Join(p.Dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if n := lines(t, f); n > most {
				t.Errorf("%s has %d lines", f, n)
			}
		}
	}
	if !slices.ContainsFunc(packages(t), func(p pkg) bool { return p.ImportPath == module+"/history" }) {
		t.Fatal("the list of packages has not even history in it")
	}
}

func lines(t *testing.T, file string) int {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	n := 0
	for s := bufio.NewScanner(f); s.Scan(); {
		n++
	}
	return n
}
