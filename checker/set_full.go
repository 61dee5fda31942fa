package checker

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/partita-dev/partita/history"
)

// SetFull is the checker of sets that only grow and are read all the time (operations add and read): when each element was
// known, by its acknowledgement or by the first read that has it, every read that begins later must have it. An element that
// is absent then and never present again is lost; one that comes back was stale, which is wrong when linearizable is asked.
// It follows Jepsen's jepsen.checker/set-full, and differs: a read that has an element is later than one that lacks it also
// when the two overlap, so that nothing is called lost which may only have been late; elements that are there twice, that
// nobody added, and that failed to be added are anomalies.
func SetFull() Spec {
	return Spec{"set-full", "no read of a set (add, read) lacks for good an element that was known before, nor has one twice or one that nobody added; --param linearizable=true: nor for a while", setFullChecker{}}
}

// What a test may leave out of the rules.
const (
	fullKnownByAckOnly   mistake = "an element is known by its acknowledgement only"
	fullKnownByInvoke    mistake = "an element is known from the call of its add"
	fullKnownBySightCall mistake = "an element is known from the call of the first read that has it"
	fullAbsentByReturn   mistake = "a read lacks an element that became known while it was under way"
	fullPresentByInvoke  mistake = "a read that overlaps is earlier when it was called earlier"
	fullStaleIsLost      mistake = "an element that came back is lost"
	fullStaleAlways      mistake = "stale reads are always wrong"
	fullStaleNever       mistake = "stale reads are never wrong"
	fullFirstAbsence     mistake = "only the last read of all is looked at"
	fullTwiceIsOnce      mistake = "an element may be there twice"
	fullTrustsFail       mistake = "an add that failed may have happened"
	fullForgetsInfo      mistake = "an add of unknown outcome did not happen"
	fullFromTheFuture    mistake = "an element may be read before its add was called"
	fullOfAnybody        mistake = "reads that failed are looked at"
)

type setFullChecker struct{ without mistake }

// fullCounts are the figures of all sets of a history.
type fullCounts struct {
	attempted, acknowledged, reads, stable, lost, stale, neverRead, recovered, twice int

	latency *hdrhistogram.Histogram // from known to stable, in µs
}

// Check judges each key as a set of its own.
func (k setFullChecker) Check(ctx context.Context, in Input) Result {
	linearizable, err := in.Params.Bool("linearizable", false)
	if err != nil {
		return Result{Reason: err.Error()}
	}
	t := fullCounts{latency: hdrhistogram.New(1, time.Hour.Microseconds(), 3)}
	out := eachKey(ctx, in, func(key string) ([]Anomaly, error) {
		s := &fullSet{setFullChecker: k, view: in.History, t: &t, other: map[string]int32{}}
		if err := s.read(in.History.CallsOf(key)); err != nil {
			return nil, err
		}
		return s.judge(linearizable), nil
	})
	out.needs(t.acknowledged > 0, "no add was acknowledged: there is nothing to lose")
	out.needs(t.stable > 0, "no element was ever read: what became of them is not known")
	quantiles := map[string]float64{}
	for _, q := range []float64{50, 95, 99, 100} {
		quantiles[fmt.Sprintf("p%.0f", q)] = float64(t.latency.ValueAtQuantile(q)) / 1000
	}
	out.Facts = map[string]any{
		"algorithm": "one pass", "attempted": t.attempted, "acknowledged": t.acknowledged, "reads of sets": t.reads, "stable": t.stable, "lost": t.lost,
		"stale": t.stale, "never read": t.neverRead, "recovered": t.recovered, "read twice": t.twice, "known to stable, ms": quantiles,
	}
	return out
}

// fullElement is what is known of one element. Positions are those of events in the history.
type fullElement struct {
	value      history.Value
	add        int32 // the first call of an add that did not fail, in Calls; of one that did, where there is no other
	failed     int32 // where the first add that failed was called; never
	acked      int32 // where it was first acknowledged; never
	seen       int32 // where the first read that has it returned; never
	seenBy     int32 // that read
	last       int32 // where the last read that has it returned; -1
	lastBy     int32 // that read
	lastInvoke int32 // where the last read to begin of those that have it began
	run        int32 // how many reads in a row, from the last one, have it
	twice      int32 // a read that has it more than once, -1
	thin       int32 // a read that has it although nobody had tried to add it, -1
	aborted    int32 // a read that has it although adding it had failed, -1
	mark       int32 // the read that had it last, in the order in which they are looked at
	added      bool  // there is an add
	possible   bool  // that did not fail
	maybe      bool  // of unknown outcome
}

const never = math.MaxInt32

// fullSet is one set.
type fullSet struct {
	setFullChecker
	view     *history.View
	t        *fullCounts
	elements []fullElement
	dense    []int32 // by value - least, the element + 1
	least    int64
	other    map[string]int32 // by canonical text
	reads    []history.Call   // in the order of their calls
}

// read takes the calls of one set apart.
func (s *fullSet) read(calls []int) error {
	v := s.view
	s.makeDense(calls)
	for _, i := range calls {
		c := v.Calls[i]
		inv := &v.Ops[c.Invoke]
		switch inv.F {
		case "add":
			s.add(int32(i), c)
		case "read", "read-set":
			if c.Type == history.OK || s.without == fullOfAnybody && c.Return >= 0 {
				s.reads = append(s.reads, c)
			}
		default:
			return malformed(inv.Index, "operation %q: a set has add and read", inv.F)
		}
	}
	s.t.reads += len(s.reads)
	// From the last read backwards: as long as an element is in every one, nothing was absent later.
	for i := int32(len(s.reads)) - 1; i >= 0; i-- {
		ret := &v.Ops[s.reads[i].Return]
		if !s.contents(ret.Value, i) {
			if s.reads[i].Type != history.OK {
				continue
			}
			return malformed(ret.Index, "a read answered %s: expected a list", Show(ret.Value))
		}
	}
	return nil
}

// makeDense prepares a table of elements that are whole numbers close to one another, which is nearly always so.
func (s *fullSet) makeDense(calls []int) {
	least, most, n := int64(math.MaxInt64), int64(math.MinInt64), int64(0)
	for _, i := range calls {
		if inv := &s.view.Ops[s.view.Calls[i].Invoke]; inv.F == "add" {
			if x, ok := inv.Value.Int(); ok {
				least, most, n = min(least, x), max(most, x), n+1
			}
		}
	}
	if n > 0 && uint64(most-least) < uint64(16*n+64) {
		s.least, s.dense = least, make([]int32, most-least+1)
	}
	s.elements = make([]fullElement, 0, n)
}

// number gives the element of a whole number.
func (s *fullSet) number(n int64) *fullElement {
	i := uint64(n) - uint64(s.least)
	if i >= uint64(len(s.dense)) {
		return s.text(history.Int(n))
	}
	if s.dense[i] == 0 {
		s.elements = append(s.elements, newFullElement(history.Int(n)))
		s.dense[i] = int32(len(s.elements))
	}
	return &s.elements[s.dense[i]-1]
}

// text gives the element of any value in its canonical spelling.
func (s *fullSet) text(v history.Value) *fullElement {
	i, ok := s.other[string(v)]
	if !ok {
		i = int32(len(s.elements))
		s.other[string(v)] = i
		s.elements = append(s.elements, newFullElement(v))
	}
	return &s.elements[i]
}

func newFullElement(v history.Value) fullElement {
	return fullElement{value: v, failed: never, acked: never, seen: never, seenBy: -1, last: -1, lastBy: -1, lastInvoke: -1, twice: -1, thin: -1, aborted: -1, mark: -1}
}

func (s *fullSet) element(v history.Value) *fullElement {
	text := Canonical(v)
	if n, ok := history.Value(text).Int(); ok && plainInt(text) {
		return s.number(n)
	}
	return s.text(history.Value(text))
}

// add notes an attempt to add.
func (s *fullSet) add(i int32, c history.Call) {
	e := s.element(s.view.Ops[c.Invoke].Value)
	possible := c.Type == history.OK || c.Type == history.Info && s.without != fullForgetsInfo || s.without == fullTrustsFail
	if !e.added {
		s.t.attempted++
	}
	if !e.added || possible && !e.possible {
		e.add = i
	}
	if !possible {
		e.failed = min(e.failed, int32(c.Invoke))
	}
	e.added, e.possible = true, e.possible || possible
	switch c.Type {
	case history.OK:
		if s.without == fullKnownByInvoke {
			c.Return = c.Invoke
		}
		if e.acked == never {
			s.t.acknowledged++
		}
		e.acked = min(e.acked, int32(c.Return))
	case history.Info:
		e.maybe = true
	}
}

// contents notes what a read has; false when it is no list.
func (s *fullSet) contents(v history.Value, read int32) bool {
	if eachInt(string(v), func(n int64) { s.has(s.number(n), read) }) {
		return true
	}
	list, ok := v.List()
	if !ok {
		return v.IsNil()
	}
	for _, x := range list {
		s.has(s.element(x), read)
	}
	return true
}

// has notes that a read has an element.
func (s *fullSet) has(e *fullElement, read int32) {
	if e.mark == read {
		e.twice = read
		return
	}
	e.mark = read
	c := &s.reads[read]
	ret := int32(c.Return)
	switch {
	case e.possible && (int32(s.view.Calls[e.add].Invoke) < ret || s.without == fullFromTheFuture):
	case e.failed < ret:
		e.aborted = read
		return
	default:
		e.thin = read
		return
	}
	if e.run == int32(len(s.reads))-1-read {
		e.run++
	}
	known := ret
	if s.without == fullKnownBySightCall {
		known = int32(c.Invoke)
	}
	if known < e.seen && s.without != fullKnownByAckOnly {
		e.seen, e.seenBy = known, read
	}
	e.lastInvoke = max(e.lastInvoke, int32(c.Invoke))
	if ret > e.last {
		e.last, e.lastBy = ret, read
	}
}

// eachInt gives the elements of a list of whole numbers as drivers write it, without spaces; false, perhaps after some of
// them, when it is something else.
func eachInt(s string, f func(int64)) bool {
	if len(s) < 2 || s[0] != '[' || s[len(s)-1] != ']' {
		return false
	}
	if len(s) == 2 {
		return true
	}
	if !onlyInts(s) {
		return false
	}
	n, minus := int64(0), false
	for i := 1; i < len(s); i++ {
		switch c := s[i]; c {
		case '-':
			minus = true
		case ',', ']':
			if minus {
				n = -n
			}
			f(n)
			n, minus = 0, false
		default:
			n = n*10 + int64(c-'0')
		}
	}
	return true
}

// onlyInts reports whether a list has nothing but whole numbers of at most 18 digits in their one spelling.
func onlyInts(s string) bool {
	digits, zero := 0, false
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '-':
			if digits > 0 || s[i-1] == '-' || i+1 < len(s) && s[i+1] == '0' {
				return false
			}
		case c >= '0' && c <= '9':
			if zero = digits == 0 && c == '0' || zero; digits > 0 && zero || digits == 18 {
				return false
			}
			digits++
		case (c == ',' || c == ']' && i == len(s)-1) && digits > 0:
			digits, zero = 0, false
		default:
			return false
		}
	}
	return true
}

// judge says what became of each element.
func (s *fullSet) judge(linearizable bool) []Anomaly {
	var lost, stale, thin, aborted, twice []fullFinding
	for i := range s.elements {
		e := &s.elements[i]
		if e.twice >= 0 && s.without != fullTwiceIsOnce {
			s.t.twice++
			twice = append(twice, fullFinding{e, -1, e.twice})
		}
		if e.thin >= 0 {
			thin = append(thin, fullFinding{e, -1, e.thin})
		}
		if e.aborted >= 0 {
			aborted = append(aborted, fullFinding{e, -1, e.aborted})
		}
		if !e.possible {
			continue
		}
		if e.acked == never && e.seen < never {
			s.t.recovered++
		}
		known := min(e.acked, e.seen)
		absent := int32(len(s.reads)) - 1 - e.run // the last read without it
		if known == never || absent >= 0 && s.without == fullFirstAbsence && e.run > 0 {
			absent = -1
		}
		after := absent >= 0 && int32(s.reads[absent].Invoke) > known || absent >= 0 && s.without == fullAbsentByReturn && int32(s.reads[absent].Return) > known
		switch {
		case after && s.gone(e, absent):
			s.t.lost++
			lost = append(lost, fullFinding{e, absent, -1})
		case e.last < 0:
			s.t.neverRead++
		default:
			s.t.stable++
			took := time.Duration(0)
			if after {
				s.t.stale++
				stale = append(stale, fullFinding{e, absent, e.lastBy})
				took = Since(s.view.Ops[known], s.view.Ops[s.reads[absent].Invoke])
			}
			_ = s.t.latency.RecordValue(min(max(took.Microseconds(), 0), time.Hour.Microseconds())) // inside its bounds
		}
	}
	var as []Anomaly
	say := func(name, words string, fs []fullFinding) {
		if len(fs) > 0 {
			slices.SortFunc(fs, func(a, b fullFinding) int { return int(a.add) - int(b.add) })
			as = append(as, s.anomaly(name, words, fs))
		}
	}
	say("lost-element", "missing from a read although known before it began, and never read again", lost)
	if linearizable && s.without != fullStaleNever || s.without == fullStaleAlways {
		say("stale-element", "missing from a read although known before it began, and there again later", stale)
	}
	say("unexpected-element", "read before anybody had tried to add them", thin)
	say("aborted-element", "read though adding had failed for certain", aborted)
	say("duplicate-element", "there twice or more in one read", twice)
	return as
}

// gone reports whether no read that has an element can be later than one without it.
func (s *fullSet) gone(e *fullElement, absent int32) bool {
	switch s.without {
	case fullStaleIsLost:
		return true
	case fullPresentByInvoke:
		return e.lastInvoke < int32(s.reads[absent].Invoke)
	}
	return e.last < int32(s.reads[absent].Invoke)
}

// fullFinding is an element that is wrong, the read that lacks it and the one that has it, -1 for none.
type fullFinding struct {
	*fullElement
	lacks, has int32
}

func (s *fullSet) anomaly(name, words string, fs []fullFinding) Anomaly {
	d := setData{Count: len(fs)}
	var texts []string
	var calls []history.Call
	notes := map[int]string{}
	for i, f := range fs[:min(len(fs), listed)] {
		d.Elements = append(d.Elements, f.value)
		texts = append(texts, f.value.JSON())
		if i >= shownItems {
			continue
		}
		if f.added {
			calls = append(calls, s.view.Calls[f.add])
		}
		for read, note := range map[int32]string{f.lacks: "without ", f.has: "with "} {
			if read >= 0 {
				c := s.reads[read]
				calls = append(calls, c)
				notes[c.Invoke] = note + cut(f.value.JSON(), 60)
			}
		}
		if f.lacks >= 0 && f.seen < f.acked {
			calls = append(calls, s.reads[f.seenBy])
			notes[s.reads[f.seenBy].Invoke] = "with " + cut(f.value.JSON(), 60)
		}
	}
	calls = distinct(calls)
	d.Exhibit = exhibit(s.view, calls, "a set that only grows has in every read what was known before that began", func(c history.Call) string { return notes[c.Invoke] })
	for i, x := range d.Ops {
		if list, ok := x.Value.List(); ok && x.F != "add" {
			d.Ops[i].Value = history.Str(count(len(list), "element"))
		}
	}
	return Anomaly{Name: name, Ops: Events(s.view, calls...), Text: count(len(fs), "element") + " " + words + ": " + few(texts), Data: d}
}

// Plant gives what it gives of any set: elements that everybody must know, of which the last reads lack one.
func (setFullChecker) Plant(v *history.View, r *rand.Rand) ([]history.Op, bool) {
	return setChecker{}.Plant(v, r)
}
