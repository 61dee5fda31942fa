package report

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/internal/store"
)

type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Time       string          `xml:"time,attr"`
	Timestamp  string          `xml:"timestamp,attr,omitempty"`
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Class   string      `xml:"classname,attr"`
	Name    string      `xml:"name,attr"`
	Time    string      `xml:"time,attr"`
	Failure *junitFault `xml:"failure"`
	Error   *junitFault `xml:"error"`
}

type junitFault struct {
	Type    string `xml:"type,attr"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit writes junit.xml: a suite for target × workload × faults, a case for each checker. Invalid is a failure; unknown
// and inconclusive are errors, because in CI a skipped test looks green. A run that broke is a case of its own.
func JUnit(dir *store.Dir) error {
	var v store.Verdict
	if err := dir.ReadJSON(store.VerdictFile, &v); err != nil {
		return fmt.Errorf("write %s: %w", store.JUnitFile, err)
	}
	var m store.Meta
	if err := dir.ReadJSON(store.MetaFile, &m); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write %s: %w", store.JUnitFile, err)
	}
	b, err := junit(v, m)
	if err != nil {
		return err
	}
	return dir.Write(store.JUnitFile, b)
}

// WriteJUnit writes one JUnit document with a suite for each verdict.
func WriteJUnit(w io.Writer, cases []Case) error {
	var all junitSuites
	for _, c := range cases {
		s := suite(c.Verdict, c.Meta)
		if c.Meta.Target == "" {
			s.Name = c.name()
			for i := range s.Cases {
				s.Cases[i].Class = "partita." + strings.NewReplacer(".", "_", " ", "_", "/", ".").Replace(strings.TrimLeft(c.Path, "./"))
			}
		}
		all.Suites = append(all.Suites, s)
	}
	b, err := all.bytes()
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

func junit(v store.Verdict, m store.Meta) ([]byte, error) {
	return junitSuites{Suites: []junitSuite{suite(v, m)}}.bytes()
}

func (s junitSuites) bytes() ([]byte, error) {
	b, err := xml.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write JUnit: %w", err)
	}
	return append([]byte(xml.Header), append(b, '\n')...), nil
}

func suite(v store.Verdict, m store.Meta) junitSuite {
	faults := "none"
	if len(m.Faults) > 0 {
		faults = strings.Join(m.Faults, "+")
	}
	class := "partita." + strings.NewReplacer(".", "_", " ", "_").Replace(m.Target+"-"+m.Workload+"-"+faults)
	s := junitSuite{Name: strings.TrimSpace(m.Target + " " + m.Workload + " " + faults)}
	if !m.Started.IsZero() {
		s.Timestamp = m.Started.UTC().Format("2006-01-02T15:04:05")
	}
	for _, p := range []junitProperty{{"verdict", v.Verdict.String()}, {"run", m.RunID}, {"seed", fmt.Sprint(max(m.Seed, v.Seed))}, {"command", cmpOr(m.Command, v.Command)}} {
		if p.Value != "" {
			s.Properties = append(s.Properties, p)
		}
	}
	merged := make([]checker.Verdict, 0, len(v.Checkers))
	var total time.Duration
	for _, c := range v.Checkers {
		merged = append(merged, c.Verdict)
		total += c.Took
		jc := junitCase{Class: class, Name: c.Name, Time: seconds(c.Took)}
		jc.judge(c.Verdict, cmpOr(c.Reason, c.Verdict.String()), anomalyLines(c)+"\nrepeat: "+cmpOr(m.Command, v.Command))
		s.Cases = append(s.Cases, jc)
	}
	// What no checker said (a phase that failed) must not look green.
	if len(v.Errors) > 0 || len(v.Checkers) == 0 || checker.Merge(merged...) != v.Verdict {
		jc := junitCase{Class: class, Name: "run", Time: seconds(0)}
		worst := v.Verdict
		if worst == checker.Valid {
			worst = checker.Unknown // valid is only what checkers said, of a run that went through
		}
		jc.judge(worst, summary(v), strings.Join(v.Errors, "\n"))
		s.Cases = append(s.Cases, jc)
	}
	for _, c := range s.Cases {
		s.Tests++
		if c.Failure != nil {
			s.Failures++
		}
		if c.Error != nil {
			s.Errors++
		}
	}
	s.Time = seconds(total)
	if !m.Ended.IsZero() {
		s.Time = seconds(m.Ended.Sub(m.Started))
	}
	return s
}

// judge makes of a verdict what CI understands.
func (c *junitCase) judge(v checker.Verdict, message, text string) {
	f := &junitFault{Type: v.String(), Message: clip(message, 500), Text: text}
	switch v {
	case checker.Valid:
	case checker.Invalid:
		c.Failure = f
	default:
		c.Error = f
	}
}

func anomalyLines(c store.CheckerResult) string {
	var b strings.Builder
	for i, a := range c.Anomalies {
		if i == 20 {
			fmt.Fprintf(&b, "and %d more\n", len(c.Anomalies)-i)
			break
		}
		fmt.Fprintf(&b, "%s (key %q): %s\n", a.Name, clip(a.Key, 80), clip(a.Text, 500))
	}
	return b.String()
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
