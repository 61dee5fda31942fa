package txn

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
)

// histories is the folder of the histories of Jepsen's own test suites.
func histories(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("PARTITA_JEPSEN_HISTORIES")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "jepsen-histories")
	}
	if _, err := os.Stat(filepath.Join(dir, "elle-tests.json")); err != nil {
		t.Skip("NOT RUN: Elle's own histories are not here; PARTITA_JEPSEN_HISTORIES names their folder")
	}
	return dir
}

type elleCase struct {
	Kind   string         `json:"kind"`
	File   string         `json:"file"`
	Opts   map[string]any `json:"opts"`
	Result struct {
		Valid   any      `json:"valid?"`
		Types   []string `json:"anomaly-types"`
		Not     []string `json:"not"`
		AlsoNot []string `json:"also-not"`
	} `json:"result"`
}

// elleHistory reads one of Elle's histories and makes it a whole one: what has no invocation, or one while the process is
// busy, gets a process and an invocation of its own at the beginning, so that it is ordered by nothing.
func elleHistory(t *testing.T, file string) *history.View {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var raw []history.Op
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var o struct {
			Process int32
			Type    string
			Value   []([]json.RawMessage)
		}
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			t.Fatal(err)
		}
		typ, err := history.ParseType(o.Type)
		if err != nil {
			t.Fatal(err)
		}
		var mops []string
		for _, m := range o.Value {
			if len(m) == 2 {
				m = append(m, json.RawMessage("null"))
			}
			mops = append(mops, fmt.Sprintf("[%s,%s,%s]", m[0], m[1], m[2]))
		}
		raw = append(raw, history.Op{Process: o.Process, Type: typ, F: "txn", Value: history.Value("[" + strings.Join(mops, ",") + "]")})
	}
	return mended(t, raw)
}

func mended(t *testing.T, raw []history.Op) *history.View {
	t.Helper()
	busy := map[int32]bool{}
	whole := true
	for _, o := range raw {
		if o.Type == history.Invoke == busy[o.Process] {
			whole = false
		}
		busy[o.Process] = o.Type == history.Invoke
	}
	ops := raw
	if !whole {
		var begin, end []history.Op
		for _, o := range raw {
			if o.Type == history.Invoke {
				continue
			}
			o.Process = int32(len(begin))
			inv := o
			inv.Type = history.Invoke
			begin, end = append(begin, inv), append(end, o)
		}
		ops = append(begin, end...)
	}
	for i := range ops {
		ops[i].Index = int64(i)
	}
	v, err := history.NewView(ops)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// params are Elle's options as ours.
func (c elleCase) params() history.Params {
	p := history.Params{}
	for name, x := range c.Opts {
		switch x := x.(type) {
		case []any:
			var words []string
			for _, w := range x {
				words = append(words, fmt.Sprint(w))
			}
			p[map[string]string{"consistency-models": "consistency", "anomalies": "anomalies"}[name]] = strings.Join(words, ",")
		case bool:
			p[strings.TrimSuffix(name, "?")] = fmt.Sprint(x)
		}
	}
	if _, ok := c.Opts["wfr-keys?"]; !ok && c.Kind == "rw-register" {
		p["wfr-keys"] = "false"
	}
	for _, o := range []string{"sequential-keys", "linearizable-keys"} {
		if _, ok := p[o]; !ok {
			p[o] = "false"
		}
	}
	return p
}

// folded leaves out what another anomaly implies, and what is said in other ways.
func folded(names []string) []string {
	var out []string
	for _, n := range names {
		if n == "empty-transaction-graph" {
			continue
		}
		if !slices.ContainsFunc(names, func(o string) bool {
			return o != n && slices.Contains(implies([]string{o}), n) && !slices.Contains(implies([]string{n}), o)
		}) {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

// deviations are the histories for which Partita says something else than Elle, and why it is right.
var deviations = map[string]string{
	"t031": "a cycle in real time (G1c-realtime) is there too and rules out strong read committed: Elle looks at real time only when asked",
	"t049": "a cycle in real time is there too and rules out strong snapshot isolation: Elle looks at real time only when asked",
	"t041": "the client of the last read had seen the append before: G-single-item-process is there beside G-nonadjacent-item, which does not imply it",
	"t059": "needs Elle's option transaction-order, which is not offered: whoever knows the order of transactions knows more than a client",
	"t061": "needs Elle's option transaction-order, which is not offered: whoever knows the order of transactions knows more than a client",
	"t076": "Elle ends with an exception",
	"t078": "G0-process is there too: one transaction read 4 and wrote 3, so 4 comes before 3, and the client wrote 4 only after that",
	"t043": "the client read less than it had read before: G-single-item-process is there beside lost-update, which does not imply it",
}

func TestElleHistories(t *testing.T) {
	dir := histories(t)
	b, err := os.ReadFile(filepath.Join(dir, "elle-tests.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []elleCase
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	agree := 0
	for _, c := range cases {
		id := strings.TrimSuffix(filepath.Base(c.File), ".edn")
		v := elleHistory(t, filepath.Join(dir, strings.TrimSuffix(c.File, ".edn")+".jsonl"))
		k := ListAppend().Checker
		if c.Kind == "rw-register" {
			k = RWRegister().Checker
		}
		r := k.Check(context.Background(), checker.Input{History: v, Params: c.params()})
		want := map[any]string{true: "valid", false: "invalid", "unknown": "unknown", nil: "unknown"}[c.Result.Valid]
		found := names(r)
		if c.Kind == "rw-register" {
			// Elle accepts values that nobody wrote; what else is there is compared without them.
			found = slices.DeleteFunc(found, func(n string) bool { return n == "thin-air-read" })
		}
		verdict := r.Verdict
		a, _ := ask(c.params())
		types := slices.DeleteFunc(slices.Clone(found), func(n string) bool { return !slices.Contains(a.forbidden, n) })
		if verdict == checker.Invalid && len(types) == 0 {
			verdict = checker.Valid
		}
		got := fmt.Sprintf("%s %v", verdict, folded(types))
		exp := fmt.Sprintf("%s %v", want, folded(c.Result.Types))
		if want != "valid" {
			not, also := boundary(found)
			got += fmt.Sprintf(" not %v also %v", not, also)
			exp += fmt.Sprintf(" not %v also %v", c.Result.Not, c.Result.AlsoNot)
		}
		why, deviates := deviations[id]
		switch {
		case got == exp:
			agree++
			if deviates {
				t.Errorf("%s agrees with Elle and is listed as a deviation", id)
			}
		case !deviates:
			t.Errorf("%s %s %v:\nElle %s\nhere %s\n%s", id, c.Kind, c.params(), exp, got, r.Reason)
		default:
			t.Logf("%s: Elle %s, here %s: %s", id, exp, got, why)
		}
	}
	t.Logf("%d of %d agree", agree, len(cases))
}
