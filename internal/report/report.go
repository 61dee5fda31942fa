package report

import (
	"bytes"
	"fmt"
	"iter"

	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/store"
)

// MaxSize is the most that a page takes, in bytes. A page that would be longer is drawn again with fewer details.
const MaxSize = 5 << 20

// Data is all that a page is drawn from.
type Data struct {
	Meta    store.Meta
	Verdict store.Verdict
	Faults  store.Faults
	Ops     iter.Seq2[history.Op, error] // gone through twice, from the beginning each time; nil: no history
	Torn    func() bool                  // whether the history's last line was cut off, asked once it was gone through; may be nil
	Logs    []LogFile
	Notes   []string // what could not be read of the folder, in words
}

// LogFile is a file of the run's folder that the page links to.
type LogFile struct {
	Path string // relative to the run's folder, with slashes
	Size int64  // bytes; -1: not shown
}

// limits bounds the details of a page.
type limits struct {
	points    int // in the latency chart
	value     int // characters of a value shown when hovering
	anomalies int // with a diagram
	windows   int // with a certificate
}

// fullLimits fits a page under MaxSize for any usual run.
var fullLimits = limits{points: 20_000, value: 48, anomalies: 25, windows: 60}

// Build draws the page. It is a pure function of its data.
func Build(d Data) ([]byte, error) {
	lim := fullLimits
	for range 6 {
		b, err := draw(d, lim)
		if err != nil {
			return nil, err
		}
		if len(b) <= MaxSize {
			return b, nil
		}
		lim = limits{points: lim.points / 3, value: lim.value / 2, anomalies: max(1, lim.anomalies/3), windows: max(1, lim.windows/3)}
	}
	return nil, fmt.Errorf("draw the report: it stays over %d MiB even with the fewest details; look at %s instead", MaxSize>>20, store.VerdictFile)
}

func draw(d Data, lim limits) ([]byte, error) {
	p, err := newPage(d, lim)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := pageTemplate.ExecuteTemplate(&b, "page", p); err != nil {
		return nil, fmt.Errorf("draw the report: %w", err)
	}
	return b.Bytes(), nil
}

// Write draws report.html from a run's folder. What cannot be read there is named on the page; only a folder
// with neither history nor verdict is an error.
func Write(dir *store.Dir) error {
	d, err := load(dir)
	if err != nil {
		return err
	}
	b, err := Build(d)
	if err != nil {
		return err
	}
	return dir.Write(store.ReportFile, b)
}
