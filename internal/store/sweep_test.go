package store

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func names(t *testing.T, dir string) (out []string) {
	t.Helper()
	es, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range es {
		out = append(out, e.Name())
	}
	return out
}

func put(t *testing.T, paths ...string) {
	t.Helper()
	for _, p := range paths {
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte("half"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// What a program that was killed had half written is removed by the next one that opens the folder, and nothing else is:
// not a database's own files, not what has another name, not what a program that is alive is writing just now.
func TestHalfFilesAreSwept(t *testing.T) {
	now := time.Now()
	base := t.TempDir()
	d, err := Create(base, "etcd", "register", nil, now)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range written {
		put(t, filepath.Join(d.Path, name+".tmp"))
	}
	stay := []string{"data/n1/db/snap.tmp", "mine.tmp", "meta.json.tmp.old", "history.jsonl", "logs/meta.json.tmp"}
	for _, name := range stay {
		put(t, filepath.Join(d.Path, name))
	}
	if err := os.Mkdir(filepath.Join(d.Path, "verdict.json.tmp.d"), 0o755); err != nil {
		t.Fatal(err)
	}

	beside, err := Open(d.Path) // somebody looks on while the run goes on
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range written {
		if !d.Has(name + ".tmp") {
			t.Errorf("%s.tmp was swept though its program is alive", name)
		}
	}
	if err := d.Close(); err != nil { // as the end of a process does
		t.Fatal(err)
	}
	third, err := Open(d.Path)
	if err != nil || !third.Has(MetaFile+".tmp") {
		t.Errorf("it was swept though another one has the folder open: %v", err)
	}
	_, _ = third.Close(), beside.Close()

	last, err := Open(filepath.Join(filepath.Dir(d.Path), "latest"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = last.Close() }()
	for _, name := range written {
		if last.Has(name + ".tmp") {
			t.Errorf("%s.tmp is still there", name)
		}
	}
	for _, name := range stay {
		if !last.Has(name) {
			t.Errorf("%s is gone", name)
		}
	}
}

// The next run removes what the last one left, and half of a link to it.
func TestTheNextRunSweepsTheLast(t *testing.T) {
	base := t.TempDir()
	d, err := Create(base, "etcd", "register", nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(d.Path, FaultsFile+".tmp"))
	parent := filepath.Dir(d.Path)
	if err := os.Symlink("20200101T000000Z", filepath.Join(parent, ".latest-20200101T000000Z")); err != nil {
		t.Fatal(err)
	}
	_ = d.Close()
	next, err := Create(base, "etcd", "register", nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = next.Close() }()
	if ns := names(t, d.Path); len(ns) > 0 {
		t.Errorf("the last run's folder has %v", ns)
	}
	if ns := names(t, parent); !slices.Contains(ns, ".latest-20200101T000000Z") {
		t.Error("a link that may be somebody's at this moment was removed")
	}
	// A minute later it is nobody's.
	old := time.Now().Add(-time.Hour)
	if err := lutimes(filepath.Join(parent, ".latest-20200101T000000Z"), old); err != nil {
		t.Fatal(err)
	}
	third, err := Create(base, "etcd", "register", nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	_ = third.Close()
	if ns := names(t, parent); slices.Contains(ns, ".latest-20200101T000000Z") {
		t.Errorf("half of a link is left: %v", ns)
	}
}

func lutimes(path string, at time.Time) error {
	tv := unix.NsecToTimeval(at.UnixNano())
	return unix.Lutimes(path, []unix.Timeval{tv, tv})
}
