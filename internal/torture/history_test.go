package torture

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/store"
)

// plain is the text of a run's history, compressed or not; nothing when there is no file.
func plain(folder string) (text []byte, path string, err error) {
	path = filepath.Join(folder, store.HistoryZst)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		path = filepath.Join(folder, store.HistoryFile)
		if text, err = os.ReadFile(path); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return text, path, err
	} else if err != nil {
		return nil, path, err
	}
	defer func() { _ = f.Close() }()
	z, err := zstd.NewReader(f)
	if err != nil {
		return nil, path, err
	}
	defer z.Close()
	text, err = io.ReadAll(z)
	return text, path, err
}

// content gives the indices of the events in a run's history, and how many bytes it has when it is not compressed.
func content(folder string) (have map[int64]bool, size int64, err error) {
	have = map[int64]bool{}
	text, path, err := plain(folder)
	if err != nil || len(text) == 0 {
		return have, 0, err
	}
	r, err := history.NewReader(bytes.NewReader(text), path)
	if err != nil {
		return nil, 0, err
	}
	for o, err := range r.All() {
		if err != nil {
			return nil, 0, err
		}
		have[o.Index] = true
	}
	return have, int64(len(text)), r.Close()
}

// recorded is what stood in a run's history, seen from outside, just before something was ended: every whole line, and
// so everything that was on the disk.
type recorded struct {
	text  []byte
	quiet time.Duration // since the file was last written
}

// record looks at a history that is being written.
func record(folder string) (r recorded, err error) {
	path := filepath.Join(folder, store.HistoryFile)
	fi, err := os.Stat(path)
	if err != nil {
		return r, err
	}
	r.quiet = time.Since(fi.ModTime())
	text, err := os.ReadFile(path)
	r.text = text[:bytes.LastIndexByte(text, '\n')+1]
	if err == nil && len(r.text) == 0 {
		err = fmt.Errorf("%s has no whole line: that nothing of it is lost proves nothing", path)
	}
	return r, err
}

// lost is how many bytes of that are not in the history as it is now, from the first that differs on. The history must
// read, too.
func (r recorded) lost(folder string) (int, error) {
	if _, _, err := content(folder); err != nil {
		return len(r.text), err
	}
	now, _, err := plain(folder)
	if err != nil {
		return len(r.text), err
	}
	same := 0
	for same < min(len(now), len(r.text)) && now[same] == r.text[same] {
		same++
	}
	return len(r.text) - same, nil
}
