package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	halfEnd    = ".tmp"     // behind the name of a file that is being written
	linkBegin  = ".latest-" // before the name of a link that is being made
	linkIsHalf = time.Minute
)

// written are the files that are written beside their place and then moved there. Of others nothing is swept: a database's
// data may have names of any kind.
var written = []string{MetaFile, FaultsFile, VerdictFile, JUnitFile, ReportFile, ReproFile, HistoryZst}

// enter takes the folder's lock, shared with all who have it open, until Close. Whoever is alone there first removes
// what a program that was killed (kill -9, a machine that went off) had not finished writing. The lock is on the folder
// itself and ends with the process, however that ends. A file system without locks has nothing swept.
func (d *Dir) enter() {
	f, err := d.root.Open(".")
	if err != nil {
		return
	}
	d.lock = f
	if flock(f, unix.LOCK_EX) == nil {
		d.sweep()
	}
	_ = flock(f, unix.LOCK_SH) // with or without it, what is here can be read
}

func flock(f *os.File, how int) error { return unix.Flock(int(f.Fd()), how|unix.LOCK_NB) }

// sweep removes half files; those that cannot be removed stay, which harms nobody.
func (d *Dir) sweep() {
	for _, name := range written {
		if fi, err := d.root.Lstat(name + halfEnd); err == nil && fi.Mode().IsRegular() {
			_ = d.root.Remove(name + halfEnd)
		}
	}
}

// sweepBeside removes what a run that was killed left among its kind: half of a link, and half files of the last one.
func sweepBeside(parent string) {
	if last, err := Open(filepath.Join(parent, "latest")); err == nil {
		_ = last.Close()
	}
	entries, err := os.ReadDir(parent)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), linkBegin) || e.Type() != fs.ModeSymlink {
			continue
		}
		if fi, err := e.Info(); err == nil && time.Since(fi.ModTime()) > linkIsHalf { // a younger one may be somebody's at this moment
			_ = os.Remove(filepath.Join(parent, e.Name()))
		}
	}
}
