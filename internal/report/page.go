package report

import (
	"encoding/json"
	"fmt"
	"html/template"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/store"
)

// page is all that the template shows, in the order of the page.
type page struct {
	assets
	Title     string
	Class     string // the verdict's name
	Words     verdictWords
	Headline  string // the summary's first sentence
	Summary   string // the rest of it
	Expected  string
	Seen      string
	Fault     string
	Subject   []string
	Seed      string
	Command   string
	Notes     []string
	Tiles     []pair
	Anomalies []anomalyView
	Reasons   []string // of the checkers that found anomalies
	More      int      // anomalies that are only in verdict.json
	Charts    bool
	Sampled   string
	Data      template.JS // json.Marshal's, which leaves no <, >, &, U+2028 as they are
	Deaths    []string    // of databases by themselves
	Windows   []windowView
	MoreWins  int
	NoFaults  string
	Planned   []pair
	Coverage  string
	Power     string
	Checkers  []checkerView
	Nodes     []logGroup
	Setup     []pair
	Phases    []phaseView
}

type pair struct{ Name, Value, Note string }

type checkerView struct {
	Name, Reason, Took, Expects string
	Class                       string
	Words                       verdictWords
	Facts                       []factView
	Found                       string
}

type logGroup struct {
	Node  string
	Files []logView
}

type logView struct{ Name, Href, Size string }

type phaseView struct {
	Name, Took, Err string
	W               float64 // of 100
}

// newPage computes the page from its data.
func newPage(d Data, lim limits) (*page, error) {
	all := anomaliesOf(d.Verdict)
	s := scan(d.Ops, wantedOps(all[:min(len(all), 4*lim.anomalies)]))
	v, m := d.Verdict, d.Meta
	for _, w := range d.Faults.Windows {
		for _, p := range []history.Point{w.Commanded.From, w.Commanded.To, w.Observed.From, w.Observed.To, w.Recovered} {
			s.last = max(s.last, min(p.Time, maxTime))
		}
	}
	p := &page{assets: files, Class: v.Verdict.String(), Words: wordsFor(v.Verdict), Notes: slices.Clone(d.Notes)}
	p.Headline, p.Summary = firstSentence(clip(summary(v), 1500))
	p.Command = cmpOr(m.Command, v.Command)
	if m.RunID != "" || m.Seed != 0 || v.Seed != 0 {
		p.Seed = fmt.Sprint(max(m.Seed, v.Seed))
	}
	if s.err != nil {
		p.Notes = append(p.Notes, "Reading the history stopped at an error; what came before it is shown: "+clip(s.err.Error(), 400))
	}
	if d.Torn != nil && d.Torn() {
		p.Notes = append(p.Notes, "The history ends in the middle of a line: the run was killed while it wrote. Everything before is shown.")
	}
	for _, e := range v.Errors {
		p.Notes = append(p.Notes, "The run itself reported: "+clip(e, 600))
	}
	for _, n := range []string{m.Target, m.Workload, strings.Join(m.Faults, ", ")} {
		if n != "" {
			p.Subject = append(p.Subject, n)
		}
	}
	p.Title = p.Words.Word + " · " + strings.Join(append(slices.Clone(p.Subject), "Partita"), " · ")
	p.Tiles = tiles(d, s)

	for i, f := range all {
		if i == 4*lim.anomalies {
			p.More = len(all) - i
			break
		}
		p.Anomalies = append(p.Anomalies, viewAnomaly(i+1, f, s, d.Faults.Windows, i < lim.anomalies))
	}
	p.words(v, d.Faults)

	pts, bins := scatter(d.Ops, s, lim), bin(s)
	p.Charts = len(s.calls) > 0
	if pts.Shown < pts.Of {
		p.Sampled = fmt.Sprintf("%s of %s operations are drawn: those that were not ok, the slowest of each moment, and an even sample of the rest.",
			count(int64(pts.Shown)), count(int64(pts.Of)))
	}
	b, err := json.Marshal(map[string]any{"points": pts, "series": bins, "windows": chartWindows(d.Faults.Windows, s.last), "fs": fNames(s.fs), "counts": s.byF(), "final": finalAt(d.Faults.Plan.Final), "last": num(s.last.Seconds())})
	if err != nil {
		return nil, fmt.Errorf("draw the report's charts: %w", err)
	}
	p.Data = template.JS(b) //nolint:gosec // json.Marshal escapes <, >, &, U+2028 and U+2029

	for _, o := range s.deaths {
		p.Deaths = append(p.Deaths, clip(fmt.Sprintf("At %s %s", at(min(max(0, o.Time), maxTime)), cmpOr(o.Err.Text, "the database on "+o.Node+" died by itself")), 600))
	}
	p.faults(d.Faults, s.last, lim)
	for _, c := range v.Checkers {
		if len(c.Anomalies) > 0 && c.Reason != "" {
			p.Reasons = append(p.Reasons, clip(c.Name, 60)+": "+clip(c.Reason, 400))
		}
		p.Checkers = append(p.Checkers, checkerView{Name: c.Name, Reason: clip(c.Reason, 1500), Took: dur(c.Took), Expects: expectation(c.Name),
			Class: c.Verdict.String(), Words: wordsFor(c.Verdict), Facts: viewFacts(c.Facts), Found: foundText(c)})
		if score, ok := c.Facts["score"]; ok && c.Name == "coverage" {
			p.Coverage = factText(normal(score))
		}
	}
	p.Power = power(v)
	p.Nodes = groupLogs(d.Logs)
	p.Setup = setup(m)
	p.Phases = phases(m.Phases)
	return p, nil
}

// words fills in what was expected, what was seen and which fault was in force, from the result that decided.
func (p *page) words(v store.Verdict, f store.Faults) {
	for _, c := range v.Checkers {
		if c.Verdict != v.Verdict {
			continue
		}
		p.Expected = cmpOr(p.Expected, expectation(c.Name))
		if v.Verdict != checker.Valid {
			p.Seen = cmpOr(p.Seen, clip(c.Reason, 600))
		}
	}
	if len(p.Anomalies) > 0 {
		p.Seen = cmpOr(p.Anomalies[0].Text, p.Seen)
		p.Fault = p.Anomalies[0].Fault
		return
	}
	if v.Verdict == checker.Valid {
		p.Seen = fmt.Sprintf("Nothing that contradicts it, in %s.", plural(int(v.Ops.OK+v.Ops.Fail+v.Ops.Info), "operation"))
	}
	seen := 0
	for _, w := range f.Windows {
		if w.Observed.From.Happened() {
			seen++
		}
	}
	switch n := len(f.Windows); {
	case n == 0 && unknownFaults(f):
		p.Fault = "Nothing is known of them."
	case n == 0 && len(planned(f)) > 0:
		p.Fault = "Faults were planned, and none was injected."
	case n == 0:
		p.Fault = "None: the plan had no faults."
	case n == 1 && seen == 1:
		p.Fault = "1 fault window commanded, and observed by a probe."
	case seen == n:
		p.Fault = plural(n, "fault window") + " commanded, each observed by a probe."
	default:
		p.Fault = fmt.Sprintf("%s commanded, only %d observed by a probe.", plural(n, "fault window"), seen)
	}
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// tiles are the figures under the verdict.
func tiles(d Data, s *scanned) []pair {
	ok, fail, info := s.counts[history.OK], s.counts[history.Fail], s.counts[history.Info]
	if len(s.calls) == 0 {
		ok, fail, info = d.Verdict.Ops.OK, d.Verdict.Ops.Fail, d.Verdict.Ops.Info
	}
	out := []pair{
		{"ok", count(ok), "happened"},
		{"fail", count(fail), "certainly did not happen"},
		{"info", count(info), "nobody knows"},
	}
	if s.last > 0 {
		out = append(out, pair{"duration", dur(s.last), "of the history"})
	}
	if n := len(d.Faults.Windows); n > 0 {
		out = append(out, pair{"faults", count(int64(n)), "windows commanded"})
	}
	return out
}

func foundText(c store.CheckerResult) string {
	if len(c.Anomalies) == 0 {
		return ""
	}
	var names []string
	n := map[string]int{}
	for _, a := range c.Anomalies {
		if n[a.Name] == 0 {
			names = append(names, a.Name)
		}
		n[a.Name]++
	}
	for i, name := range names {
		if n[name] > 1 {
			names[i] = fmt.Sprintf("%s × %d", clip(name, 60), n[name])
		}
	}
	return strings.Join(names, ", ")
}

func fNames(fs []string) []string {
	out := make([]string, len(fs))
	for i, f := range fs {
		out[i] = plain(clip(f, 20))
	}
	return out
}

// faults fills in the section of the windows.
func (p *page) faults(f store.Faults, last time.Duration, lim limits) {
	kinds := map[string][2]int{}
	for i, w := range f.Windows {
		k := kinds[w.Fault]
		k[0]++
		if w.Observed.From.Happened() {
			k[1]++
		}
		kinds[w.Fault] = k
		if i < lim.windows {
			p.Windows = append(p.Windows, viewWindow(w, last))
		}
	}
	p.MoreWins = len(f.Windows) - len(p.Windows)
	for _, name := range planned(f) {
		note := fmt.Sprintf("commanded %d, observed %d", kinds[name][0], kinds[name][1])
		if n, ok := f.Plan.Planned[name]; ok {
			note = fmt.Sprintf("planned %d, ", n) + note
		}
		p.Planned = append(p.Planned, pair{Name: clip(name, 80), Value: note})
	}
	switch {
	case len(f.Windows) > 0:
	case unknownFaults(f):
		p.NoFaults = "Nothing is known of the faults of this run."
	case len(planned(f)) > 0:
		p.NoFaults = "Faults were planned, but none was ever commanded: nothing was tested under fault."
	default:
		p.NoFaults = "The plan had no faults, and none was injected."
	}
}

// planned lists the faults that were asked for; "none" is none.
func planned(f store.Faults) []string {
	return slices.DeleteFunc(slices.Clone(f.Plan.Faults), func(n string) bool { return n == "" || n == "none" })
}

// finalAt is when the final phase began, for the charts; null when the run did not come so far. The zero Point is
// that of a run without faults.json, not a moment.
func finalAt(p history.Point) num {
	if !p.Happened() || p.Time <= 0 {
		return num(math.NaN())
	}
	return num(p.Time.Seconds())
}

// unknownFaults reports whether there is no plan at all: of a lone history, or when faults.json cannot be read.
func unknownFaults(f store.Faults) bool {
	return len(f.Plan.Nodes)+len(f.Plan.Faults)+len(f.Windows) == 0
}

// groupLogs groups the files by node; the controller's own come first.
func groupLogs(fs []LogFile) []logGroup {
	var out []logGroup
	for _, f := range fs {
		parts := strings.Split(f.Path, "/")
		node := "controller"
		if parts[0] == store.LogsDir && len(parts) > 2 {
			node = parts[1]
		}
		if len(out) == 0 || out[len(out)-1].Node != node {
			out = append(out, logGroup{Node: node})
		}
		for i := range parts {
			parts[i] = url.PathEscape(parts[i])
		}
		g := &out[len(out)-1]
		v := logView{Name: strings.TrimPrefix(f.Path, store.LogsDir+"/"+node+"/"), Href: "./" + strings.Join(parts, "/")}
		if f.Size >= 0 {
			v.Size = bytesText(f.Size)
		}
		g.Files = append(g.Files, v)
	}
	return out
}

func bytesText(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1000*1000:
		return trimZeros(float64(n)/1e3, 1) + " kB"
	}
	return trimZeros(float64(n)/1e6, 1) + " MB"
}
