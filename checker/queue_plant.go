package checker

import (
	"math/rand/v2"

	"github.com/partita-dev/partita/history"
)

// Plant gives some items that were enqueued and delivered once, one of which nobody enqueued. (An item that is lost would be
// no violation where a queue may lose: that is a parameter, which a planter does not see.)
func (k queueChecker) Plant(v *history.View, r *rand.Rand) ([]history.Op, bool) {
	for _, key := range keysFrom(v, r) {
		q, err := k.split(v, key, nil, promise{}, &queueCounts{})
		if err != nil {
			continue
		}
		type pair struct{ in, out history.Call }
		var pairs []pair
		used := map[int]bool{} // of a drain one item is taken
		for n, from := 0, r.IntN(max(len(q.order), 1)); n < len(q.order) && len(pairs) < planted; n++ {
			x := q.order[(from+n)%len(q.order)]
			if len(x.enqueues) != 1 || len(x.deliveries) != 1 {
				continue
			}
			in, d := x.enqueues[0], x.deliveries[0]
			if in.Type == history.OK && d.call.Type == history.OK && in.Invoke < d.at && !used[d.at] {
				used[d.at] = true
				pairs = append(pairs, pair{in, d.call})
			}
		}
		if len(pairs) == 0 {
			continue
		}
		var calls []history.Call
		alone := r.IntN(len(pairs))
		for i, p := range pairs {
			if calls = append(calls, p.out); i != alone || len(pairs) == 1 {
				calls = append(calls, p.in)
			}
		}
		ops := Excerpt(v, calls)
		for i, p := range pairs {
			item := v.Inv(p.in).Value
			if len(pairs) == 1 {
				item = history.Str("planted " + string(item))
			}
			_, list := v.Ops[p.out.Return].Value.List()
			if _, itself := v.Inv(p.in).Value.List(); itself && v.Inv(p.out).F == "dequeue" && v.Inv(p.out).Value.IsNil() {
				list = false
			}
			if list {
				item = history.List(item)
			}
			change(v, ops, pairs[i].out, func(o *history.Op) { o.Value = item })
		}
		return ops, true
	}
	return nil, false
}
