package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Dir is an open run folder. Every path stays inside it (os.Root).
type Dir struct {
	Path string
	root *os.Root
	lock *os.File // the folder itself, locked; nil where that could not be
}

// Create makes runs/<target>-<workload>-<faults>/<UTC time>/ below base and points the latest link beside it there.
func Create(base, target, workload string, faults []string, now time.Time) (*Dir, error) {
	f := "none"
	if len(faults) > 0 {
		f = strings.Join(faults, "+")
	}
	parent := filepath.Join(base, Slug(target+"-"+workload+"-"+f))
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return nil, fmt.Errorf("make the run's folder: %w (choose another place with --store)", err)
	}
	sweepBeside(parent)
	stamp := now.UTC().Format("20060102T150405Z")
	for i := 0; ; i++ {
		name := stamp
		if i > 0 {
			name = fmt.Sprintf("%s-%d", stamp, i)
		}
		path := filepath.Join(parent, name)
		err := os.Mkdir(path, 0o755)
		if errors.Is(err, fs.ErrExist) && i < 1000 {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("make the run's folder: %w", err)
		}
		link := filepath.Join(parent, "latest")
		tmp := filepath.Join(parent, linkBegin+name)
		if err := os.Symlink(name, tmp); err == nil {
			if err := os.Rename(tmp, link); err != nil {
				_ = os.Remove(tmp)
			}
		}
		return Open(path)
	}
}

// Open opens a run's folder; a link to one (latest) is followed. What somebody who was killed left half written there is
// removed, unless somebody else has the folder open.
func Open(path string) (*Dir, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, fmt.Errorf("open the run's folder: %w", err)
	}
	root, err := os.OpenRoot(real)
	if err != nil {
		return nil, fmt.Errorf("open the run's folder: %w", err)
	}
	d := &Dir{Path: real, root: root}
	d.enter()
	return d, nil
}

// Close lets go of the folder.
func (d *Dir) Close() error {
	if d.lock == nil {
		return d.root.Close()
	}
	return errors.Join(d.lock.Close(), d.root.Close())
}

// Root gives the folder for reading and writing below it.
func (d *Dir) Root() *os.Root { return d.root }

// Write writes a file so that it is either the old one or the whole new one, and on the disk when Write returns.
func (d *Dir) Write(name string, b []byte) error {
	if dir := filepath.Dir(name); dir != "." {
		if err := d.root.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	tmp := name + halfEnd
	f, err := d.root.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Join(d.Path, name), err)
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = d.root.Rename(tmp, name)
	}
	if err != nil {
		_ = d.root.Remove(tmp)
		return fmt.Errorf("write %s: %w", filepath.Join(d.Path, name), err)
	}
	return nil
}

// WriteJSON writes x as JSON.
func (d *Dir) WriteJSON(name string, x any) error {
	b, err := JSON(x)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return d.Write(name, b)
}

// ReadJSON reads one of the JSON files.
func (d *Dir) ReadJSON(name string, x any) error {
	b, err := d.root.ReadFile(name)
	if err != nil {
		return fmt.Errorf("read %s: %w", filepath.Join(d.Path, name), err)
	}
	if err := json.Unmarshal(b, x); err != nil {
		return fmt.Errorf("read %s: %w", filepath.Join(d.Path, name), err)
	}
	return nil
}

// Has reports whether a file is there.
func (d *Dir) Has(name string) bool {
	_, err := d.root.Stat(name)
	return err == nil
}

var notSlug = regexp.MustCompile(`[^a-z0-9.+_-]+`)

// Slug makes a name fit for a folder.
func Slug(s string) string {
	s = strings.Trim(notSlug.ReplaceAllString(strings.ToLower(s), "-"), "-.")
	if len(s) > 100 {
		s = strings.TrimRight(s[:100], "-.")
	}
	if s == "" {
		return "run"
	}
	return s
}
