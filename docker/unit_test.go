package docker

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/partita-dev/partita/cluster"
)

func TestAnImagesTagIsWhatGoesIntoIt(t *testing.T) {
	files := func(text string) fstest.MapFS {
		return fstest.MapFS{"Dockerfile": {Data: []byte(text)}, "etc/a.conf": {Data: []byte("x")}}
	}
	sum := func(f fstest.MapFS, base string, args map[string]string) string {
		t.Helper()
		_, s, err := contextOf(f, base, args)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	one := sum(files("FROM a"), "sha256:1", map[string]string{"A": "1", "B": "2"})
	if again := sum(files("FROM a"), "sha256:1", map[string]string{"B": "2", "A": "1"}); again != one {
		t.Error("the same files have two tags")
	}
	with := files("FROM a")
	with["db.go"] = &fstest.MapFile{Data: []byte("package db")}
	if again := sum(with, "sha256:1", map[string]string{"A": "1", "B": "2"}); again != one {
		t.Error("Go code beside the Dockerfile changes the image")
	}
	for what, other := range map[string]string{
		"file":     sum(files("FROM b"), "sha256:1", map[string]string{"A": "1", "B": "2"}),
		"base":     sum(files("FROM a"), "sha256:2", map[string]string{"A": "1", "B": "2"}),
		"argument": sum(files("FROM a"), "sha256:1", map[string]string{"A": "1", "B": "3"}),
	} {
		if other == one {
			t.Errorf("another %s, the same tag", what)
		}
	}
}

func TestABuildsStreamIsReadToItsError(t *testing.T) {
	var said []string
	p := &progress{name: "img", log: func(s string) { said = append(said, s) }}
	err := p.follow(strings.NewReader(`{"stream":"Step 1/2 : FROM x\n"}
{"stream":" ---\u003e 0123456789ab\n"}
{"stream":"Reading lists\nE: no such package\n"}
{"errorDetail":{"message":"returned a non-zero code: 100"},"error":"x"}`))
	if err == nil || !strings.Contains(err.Error(), "E: no such package") || !strings.Contains(err.Error(), "code: 100") {
		t.Errorf("got %v", err)
	}
	if p.last != "0123456789ab" || len(said) != 1 || said[0] != "img: Step 1/2 : FROM x" {
		t.Errorf("last %q, said %q", p.last, said)
	}
	if err := p.follow(strings.NewReader(`{"stream":"cut of`)); err == nil {
		t.Error("an engine that died in the middle went unnoticed")
	}
}

// A lock ends with its process, however that ends: the test's own binary takes it and is killed.
func TestALockEndsWithItsProcess(t *testing.T) {
	p := &Provider{state: t.TempDir()}
	if dir := os.Getenv("PARTITA_TEST_LOCK"); dir != "" {
		p.state = dir
		if _, err := p.take("c1", "the first"); err != nil {
			t.Fatal(err)
		}
		_, _ = os.Stdout.WriteString("locked\n")
		select {}
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestALockEndsWithItsProcess$")
	cmd.Env = append(os.Environ(), "PARTITA_TEST_LOCK="+p.state)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 7)
	if _, err := out.Read(b); err != nil || string(b) != "locked\n" {
		t.Fatalf("%q, %v", b, err)
	}
	_, err = p.take("c1", "the second")
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), "by the first") {
		t.Errorf("while it lives: %v", err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	l, err := p.take("c1", "the second")
	if err != nil {
		t.Fatalf("after its death: %v", err)
	}
	defer func() { _ = l.Free() }()
	if _, err := p.take("c1", "the third"); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), "by the second") {
		t.Errorf("within one process: %v", err)
	}
}

func TestARecordIsCheckedWhenItIsRead(t *testing.T) {
	p := &Provider{state: t.TempDir()}
	write(t, p.state, "clusters/c1/cluster.json", `{"id":"c1","nodes":[{"name":"../../x"}]}`)
	write(t, p.state, "clusters/c2/cluster.json", `{"id":"c1","nodes":[{"name":"n1"}]}`)
	write(t, p.state, "clusters/c3/cluster.json", `{"id":"c3",`)
	for _, id := range []string{"c1", "c2", "c3", "c4"} {
		if r, err := p.load(id); err == nil {
			t.Errorf("%s: read as %+v", id, r)
		}
	}
	rec := record{ID: "c5", UserKey: "secret", Nodes: []nodeRecord{{"n1", "key"}}}
	_ = os.MkdirAll(p.folder("c5"), 0o700)
	if err := p.save(rec); err != nil {
		t.Fatal(err)
	}
	if got, err := p.load("c5"); err != nil || got.UserKey != "secret" {
		t.Errorf("%+v, %v", got, err)
	}
	if st, err := os.Stat(filepath.Join(p.folder("c5"), "cluster.json")); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v, %v", st.Mode(), err)
	}
}

func TestIDsAreShortAndFit(t *testing.T) {
	seen := map[string]bool{}
	for range 200 {
		id := cluster.NewID()
		if err := cluster.CheckName("cluster", id); err != nil || len(id) != 6 || id[0] < 'a' || slug(id) != id {
			t.Fatalf("%q: %v", id, err)
		}
		seen[id] = true
	}
	if len(seen) < 199 {
		t.Errorf("only %d of 200 differ", len(seen))
	}
	for _, bad := range []cluster.Spec{{Nodes: 0}, {Nodes: 100}, {Nodes: 1, Target: "../x"}, {Nodes: 1, Target: "..", Image: fstest.MapFS{}}} {
		if err := check("c1", bad); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}

func TestTheNetworksIPv6PartIsUniqueLocal(t *testing.T) {
	a, b := ula(), ula()
	if a == b || a.Bits() != 64 || !a.Addr().IsPrivate() || a != a.Masked() {
		t.Errorf("%v %v", a, b)
	}
}
