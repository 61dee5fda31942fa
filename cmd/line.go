package cmd

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/partita-dev/partita/internal/run"
)

// line shows how far a run is: on a terminal one line that is redrawn, elsewhere a line at each phase and each 10 s.
type line struct {
	w        io.Writer
	terminal bool
	json     bool
	width    int

	mu     sync.Mutex
	last   run.Progress
	lastAt time.Time
	drawn  bool

	rate      float64 // operations a second over the last second or more
	counted   int64
	countedAt time.Time
}

const every = 10 * time.Second

func newLine(w io.Writer, asJSON bool) *line {
	l := &line{w: w, json: asJSON, width: 80}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) && !asJSON {
		l.terminal = os.Getenv("TERM") != "dumb"
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 20 {
			l.width = width
		}
	}
	return l
}

// show is run.Config.Progress.
func (l *line) show(p run.Progress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	total := p.OK + p.Fail + p.Info
	if d := now.Sub(l.countedAt); d >= time.Second {
		l.rate = float64(total-l.counted) / d.Seconds()
		l.counted, l.countedAt = total, now
	}
	rate := l.rate
	fresh := p.Phase != l.last.Phase || p.Detail != l.last.Detail || strings.Join(p.Faults, ",") != strings.Join(l.last.Faults, ",") || p.Observed != l.last.Observed
	if !l.terminal && !fresh && now.Sub(l.lastAt) < every {
		return
	}
	l.last, l.lastAt = p, now
	switch {
	case l.json:
		b, _ := json.Marshal(p) // plain data always marshals
		_, _ = fmt.Fprintf(l.w, "%s\n", b)
	case l.terminal:
		_, _ = fmt.Fprintf(l.w, "\r\x1b[K%s", clip(describe(p, rate), l.width-1))
		l.drawn = true
	default:
		_, _ = fmt.Fprintln(l.w, describe(p, rate))
	}
}

func describe(p run.Progress, rate float64) string {
	var b strings.Builder
	b.WriteString(p.Phase)
	if p.Left > 0 {
		fmt.Fprintf(&b, " %s left", p.Left.Round(time.Second))
	}
	if p.OK+p.Fail+p.Info > 0 {
		fmt.Fprintf(&b, " · %.0f ops/s · ok %d fail %d info %d", rate, p.OK, p.Fail, p.Info)
	}
	if len(p.Faults) > 0 {
		state := "observed"
		if !p.Observed {
			state = "not yet observed"
		}
		fmt.Fprintf(&b, " · %s (%s)", strings.Join(p.Faults, ", "), state)
	}
	if p.Detail != "" {
		b.WriteString(" · " + p.Detail)
	}
	return b.String()
}

// clip cuts a line to the terminal's width.
func clip(s string, width int) string {
	r := []rune(strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, s))
	if len(r) > width {
		return string(r[:width-1]) + "…"
	}
	return string(r)
}

// end leaves the terminal with the line gone.
func (l *line) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.drawn {
		_, _ = fmt.Fprint(l.w, "\r\x1b[K")
	}
}

// useColour says whether w is a terminal whose user wants colours.
func useColour(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}
