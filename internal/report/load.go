package report

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/partita-dev/partita/internal/store"
)

// maxLogs bounds the list of log files.
const maxLogs = 300

// load reads a run's folder. What is missing or damaged becomes a note.
func load(dir *store.Dir) (Data, error) {
	var d Data
	note := func(err error, what string) {
		if errors.Is(err, fs.ErrNotExist) {
			d.Notes = append(d.Notes, what)
		} else {
			d.Notes = append(d.Notes, what+" ("+err.Error()+")")
		}
	}
	if err := dir.ReadJSON(store.MetaFile, &d.Meta); err != nil {
		note(err, "There is no readable meta.json: what was run, on what and with which seed is unknown.")
	}
	if err := dir.ReadJSON(store.FaultsFile, &d.Faults); err != nil {
		note(err, "There is no readable faults.json: which faults were injected is unknown.")
	}
	errVerdict := dir.ReadJSON(store.VerdictFile, &d.Verdict)
	if errVerdict != nil {
		d.Verdict = store.Verdict{} // half of one would be a lie
		note(errVerdict, "There is no readable verdict.json: run `partita check` on this folder.")
	}
	path := ""
	for _, name := range []string{store.HistoryZst, store.HistoryFile} {
		if dir.Has(name) {
			path = filepath.Join(dir.Path, name)
		}
	}
	if path == "" {
		if errVerdict != nil {
			return d, fmt.Errorf("draw the report: %s has neither a history nor a verdict: is it a run's folder?", dir.Path)
		}
		d.Notes = append(d.Notes, "There is no history in this folder: no chart can be drawn.")
	} else {
		f := &fileOps{path: path}
		d.Ops, d.Torn = f.all(), f.isTorn
	}
	d.Logs = logFiles(dir)
	return d, nil
}

// logFiles lists what lies below logs/, and the controller's own log.
func logFiles(dir *store.Dir) []LogFile {
	var out []LogFile
	for _, name := range []string{store.LogFile, store.ReproFile} { // without a size: the log still grows while the page is drawn
		if dir.Has(name) {
			out = append(out, LogFile{Path: name, Size: -1})
		}
	}
	root := dir.Root().FS()
	_ = fs.WalkDir(root, store.LogsDir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || len(out) >= maxLogs {
			return fs.SkipAll // what cannot be listed is not linked
		}
		if fi, err := e.Info(); err == nil && fi.Mode().IsRegular() {
			out = append(out, LogFile{Path: path, Size: fi.Size()})
		}
		return nil
	})
	return out
}
