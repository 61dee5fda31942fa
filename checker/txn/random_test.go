package txn

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/partita-dev/partita/history"
)

// randomTxns makes a small history: a few transactions work on a few keys, with more or less isolation. What they do takes
// effect at a moment of its own, which for an unknown one may be after its info event, or never. complete says that a last
// transaction read every key.
func randomTxns(r *rand.Rand, register bool) (v *history.View, complete bool) {
	n := 2 + r.IntN(4)
	keys := []string{"x", "y", "z"}[:1+r.IntN(3)]
	type tx struct {
		inv, ret int
		point    float64
		typ      history.Type
		applied  bool
		process  int32
		mops     []history.Mop
	}
	moments := r.Perm(2 * n)
	if r.IntN(3) == 0 { // less overlap
		for i := range moments {
			moments[i] = i ^ r.IntN(2)*r.IntN(2)
		}
		if len(moments) > 2 && r.IntN(2) == 0 {
			i := r.IntN(len(moments) - 2)
			moments[i+1], moments[i+2] = moments[i+2], moments[i+1]
		}
		slices.Sort(moments)
		for i := range moments {
			moments[i] = i
		}
		for range r.IntN(4) {
			i := r.IntN(len(moments) - 1)
			moments[i], moments[i+1] = moments[i+1], moments[i]
		}
	}
	value := 0
	txs := make([]tx, n)
	inTime, writer := r.IntN(4) > 0, "append"
	if register {
		writer = "w"
	}
	for i := range txs {
		t := &txs[i]
		t.inv, t.ret = min(moments[2*i], moments[2*i+1]), max(moments[2*i], moments[2*i+1])
		t.typ, t.applied, t.process = history.OK, true, -1
		t.point = r.Float64() * float64(2*n)
		switch c := r.IntN(12); {
		case c == 0:
			t.typ, t.applied = history.Fail, r.IntN(6) == 0
		case c < 3:
			t.typ, t.applied = history.Info, r.IntN(3) > 0
			if inTime {
				t.point = float64(t.inv) + r.Float64()*float64(2*n)
			}
		case inTime:
			t.point = float64(t.inv) + r.Float64()*float64(t.ret-t.inv)
		}
		for range 1 + r.IntN(3) {
			m := history.Mop{F: "r", Key: keys[r.IntN(len(keys))]}
			if r.IntN(2) == 0 {
				value++
				m.F, m.Value = writer, history.Int(int64(value))
			}
			t.mops = append(t.mops, m)
		}
	}
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(txs[a].point, txs[b].point) })
	mode := r.IntN(5) // 0, 1: serial; 2: snapshots; 3: each read on its own; 4: serial, one read spoilt
	worlds := []world{{}}
	answers := make([][]history.Mop, n)
	for _, i := range order {
		now := worlds[len(worlds)-1].clone()
		snapshot := now
		if mode == 2 {
			snapshot = worlds[r.IntN(len(worlds))].clone()
		}
		for _, m := range txs[i].mops {
			if mode == 3 && r.IntN(2) == 0 {
				snapshot = worlds[r.IntN(len(worlds))].clone()
			}
			if m.F == "r" {
				m.Value = history.Value(snapshot[m.Key])
				if m.Value == "" && !register && r.IntN(2) == 0 {
					m.Value = "[]"
				}
			}
			btx{mops: []history.Mop{{F: m.F, Key: m.Key, Value: m.Value}}}.run(snapshot)
			if m.F != "r" && (mode == 2 || mode == 3) {
				btx{mops: []history.Mop{m}}.run(now)
			}
			answers[i] = append(answers[i], m)
		}
		if mode != 2 && mode != 3 {
			now = snapshot
		}
		if txs[i].applied {
			worlds = append(worlds, now)
		}
	}
	if mode == 4 {
		spoil(r, answers, value, register)
	}
	events := make([]history.Op, 2*n)
	for i, t := range txs {
		events[t.inv] = history.Op{Process: int32(i), Type: history.Invoke, F: "txn", Value: history.Txn(t.mops)}
		events[t.ret] = history.Op{Process: int32(i), Type: t.typ, F: "txn"}
		if t.typ == history.OK {
			events[t.ret].Value = history.Txn(answers[i])
		}
	}
	fewer(r, events)
	if complete = r.IntN(3) > 0; complete {
		var last []history.Mop
		final := worlds[len(worlds)-1]
		if r.IntN(8) == 0 {
			final = worlds[r.IntN(len(worlds))]
		}
		for _, k := range keys {
			last = append(last, history.Mop{F: "r", Key: k, Value: history.Value(final[k])})
		}
		events = append(events, history.Op{Process: 99, Type: history.Invoke, F: "txn", Value: history.Txn(last)},
			history.Op{Process: 99, Type: history.OK, F: "txn", Value: history.Txn(last)})
		complete = !register
		for i, t := range txs {
			for _, m := range answers[i] {
				if m.F == "append" && t.typ == history.OK && !slices.ContainsFunc(last, func(l history.Mop) bool {
					vs, _ := l.Value.List()
					return l.Key == m.Key && slices.Contains(vs, m.Value)
				}) {
					complete = false
				}
			}
		}
	}
	for i := range events {
		events[i].Index = int64(i)
	}
	v, err := history.NewView(events)
	if err != nil {
		panic(fmt.Sprint("the generator is wrong: ", err))
	}
	return v, complete
}

// fewer lets some clients do several transactions.
func fewer(r *rand.Rand, events []history.Op) {
	if r.IntN(2) == 0 {
		return
	}
	busy, as := map[int32]bool{}, map[int32]int32{}
	for i, e := range events {
		p := e.Process
		if e.Type == history.Invoke {
			as[p] = p
			for q := range int32(3) {
				if !busy[q+100] {
					as[p] = q + 100
					break
				}
			}
			busy[as[p]] = true
		} else if e.Type != history.Info {
			busy[as[p]] = false
		}
		events[i].Process = as[p]
	}
}

// spoil changes one read.
func spoil(r *rand.Rand, answers [][]history.Mop, value int, register bool) {
	ms := answers[r.IntN(len(answers))]
	if len(ms) == 0 {
		return
	}
	m := &ms[r.IntN(len(ms))]
	if m.F != "r" {
		return
	}
	if register {
		m.Value = history.Int(int64(r.IntN(value + 2)))
		if m.Value == "0" {
			m.Value = ""
		}
		return
	}
	vs, _ := m.Value.List()
	switch r.IntN(3) {
	case 0:
		if len(vs) > 0 {
			vs = vs[:len(vs)-1]
		}
	case 1:
		vs = append(vs, history.Int(int64(1+r.IntN(value+1))))
	case 2:
		if len(vs) > 1 {
			vs[0], vs[1] = vs[1], vs[0]
		}
	}
	m.Value = history.List(vs...)
}
