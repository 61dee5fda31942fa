package checker

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/partita-dev/partita/history"
)

// placed is an item that was enqueued once and delivered, with what is certain about its place in the queue.
type placed struct {
	*item
	after  int // it was put in after this position
	before int // and before this one; never where nobody knows
	from   int // it was taken out after this position
	to     int // and before this one
	list   int // place in the list of one drain or batch
}

// overtaking is an item with another one that was put in certainly later and taken out certainly earlier.
type overtaking struct{ x, by placed }

// outOfOrder judges the order in which items came out for the first time. Only pairs that overlap neither when they are put
// in nor when they are taken out have an order. Where deliveries are acknowledged an item may have been delivered before, to
// a dequeue of unknown outcome, so that more must be out of order than that may explain.
func (q *queueHistory) outOfOrder() (a *Anomaly, doubt string) {
	var found []overtaking
	switch {
	case q.promise.order == "fifo", q.promise.order == "producer" && q.without == queueOrderOfAnybody:
		found = q.overtaken(q.placed())
	case q.promise.order == "producer":
		by := map[int32][]placed{}
		var producers []int32
		for _, p := range q.placed() {
			w := p.enqueues[0].Worker
			if by[w] == nil {
				producers = append(producers, w)
			}
			by[w] = append(by[w], p)
		}
		for _, w := range producers {
			found = append(found, q.overtaken(by[w])...)
		}
	}
	if len(found) == 0 {
		return nil, ""
	}
	if q.acknowledged && q.without != queueAckedTakes {
		last := 0
		for _, f := range found {
			last = max(last, f.by.to)
		}
		if len(found) <= q.unknownDeliveries(last) {
			return nil, fmt.Sprintf("%s out of order, unless dequeues of unknown outcome had delivered them before, unacknowledged", count(len(found), "item"))
		}
	}
	var fs []queueFinding
	for _, f := range found {
		fs = append(fs, queueFinding{f.x.item, append(f.x.firstCalls(), f.by.firstCalls()...)})
	}
	of := ""
	if q.promise.order == "producer" {
		of = " of the same producer"
	}
	first := q.anomaly("out-of-order", fs, fmt.Sprintf("%s overtaken by one that was enqueued later%s: %s by %s, for one",
		count(len(fs), "item"), of, cut(found[0].x.text, 60), cut(found[0].by.text, 60)))
	return &first, ""
}

func (x *item) firstCalls() []history.Call {
	return []history.Call{x.enqueues[0], x.deliveries[0].call}
}

// placed lists the items whose place in the queue is known, in the order of their enqueues.
func (q *queueHistory) placed() (ps []placed) {
	const never = int(^uint(0) >> 1)
	lists := map[int]map[string]int{} // by the event: where in a list an item stands first
	for _, x := range q.order {
		if len(x.enqueues) != 1 || len(x.deliveries) == 0 || x.enqueues[0].Type == history.Fail || x.deliveries[0].at < x.enqueues[0].Invoke {
			continue
		}
		c, d := x.enqueues[0], x.deliveries[0]
		p := placed{item: x, after: c.Invoke, before: never, from: d.call.Invoke, to: d.at}
		switch {
		case c.Type == history.OK && q.without != queueOrderByInvoke:
			p.before = c.Return
		case c.Type == history.OK || q.without == queueOrderOfUnknown:
			p.before = c.Invoke
		}
		if q.without == queueOrderOverlapping {
			p.from = p.to
		}
		if list, ok := q.view.Ops[d.at].Value.List(); ok {
			if lists[d.at] == nil {
				lists[d.at] = make(map[string]int, len(list))
				for i := len(list) - 1; i >= 0; i-- {
					lists[d.at][Canonical(list[i])] = i
				}
			}
			p.list = lists[d.at][x.text]
		}
		ps = append(ps, p)
	}
	return ps
}

// overtaken gives each item that another one overtook, with the first to do so, in O(n log n).
func (q *queueHistory) overtaken(ps []placed) (found []overtaking) {
	slices.SortFunc(ps, func(a, b placed) int { return cmp.Or(cmp.Compare(a.to, b.to), cmp.Compare(a.list, b.list)) })
	latest := make([]int, len(ps)) // of those that are out by then, which was put in last
	for i := range ps {
		if latest[i] = i; i > 0 && ps[latest[i-1]].after > ps[i].after {
			latest[i] = latest[i-1]
		}
	}
	inList := 0 // the same among those of one list
	for i, x := range ps {
		if ps[inList].to != x.to {
			inList = i
		}
		first, _ := slices.BinarySearchFunc(latest, x.before, func(j, before int) int { return cmp.Compare(ps[j].after, before) })
		switch {
		case first < len(ps) && ps[latest[first]].to < x.from:
			found = append(found, overtaking{x, ps[latest[first]]})
		case ps[inList].after > x.before:
			found = append(found, overtaking{x, ps[inList]})
		}
		if x.after > ps[inList].after {
			inList = i
		}
	}
	return found
}
