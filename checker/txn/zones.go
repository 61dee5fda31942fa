package txn

import (
	"cmp"
	"slices"
)

// In real time version v comes before w when somebody who met v ended before somebody who met w began: when the earliest
// end of v is before the latest beginning of w. That is the order of the zones of Gibbons & Korach ("Testing Shared
// Memories", SIAM J. Comput. 26(4), 1997). A zone of which the end is before the beginning is called forward.

// timely says whether no two versions come each before the other: forward zones do not overlap, and no other zone lies
// within one. The initial version is left out: it is the first, and whoever met it too late is found by the cycle that this makes.
func (o *ordering) timely() bool {
	var forward []version
	for _, v := range o.versions[1:] {
		if v.end < v.begin {
			forward = append(forward, v)
		}
	}
	slices.SortFunc(forward, func(a, b version) int { return cmp.Compare(a.end, b.end) })
	for i := 1; i < len(forward); i++ {
		if forward[i-1].begin > forward[i].end {
			return false
		}
	}
	for _, v := range o.versions[1:] {
		if v.end < v.begin {
			continue
		}
		i, _ := slices.BinarySearchFunc(forward, v.begin, func(f version, at int32) int { return cmp.Compare(f.end, at) })
		if i > 0 && v.end < forward[i-1].begin {
			return false
		}
	}
	return true
}

// writesInTime narrows the zones to the writers, which always have an order.
func (o *ordering) writesInTime() {
	for i := range o.versions[1:] {
		v := &o.versions[i+1]
		if v.end, v.begin = never, none; v.writer != none {
			v.end, v.begin = o.ret[v.writer], o.inv[v.writer]
		}
	}
}

// moment is the beginning or the end of a zone.
type moment struct {
	at    int32
	v     int32
	isEnd bool
}

// inTime gives the order of the zones without the steps that follow from others: a version comes after those of the
// frontier, which are the ones that ended last.
func (o *ordering) inTime() (out []order) {
	kind := realtime
	if o.asked.time == promised {
		kind = plain
	}
	moments := make([]moment, 0, 2*len(o.versions))
	for i, v := range o.versions {
		if i == 0 {
			continue
		}
		moments = append(moments, moment{v.begin, int32(i), false})
		if v.end != never {
			moments = append(moments, moment{v.end, int32(i), true})
		}
	}
	slices.SortFunc(moments, func(a, b moment) int { return cmp.Compare(a.at, b.at) })
	var frontier []int32
	link := func(v int32) {
		for _, u := range frontier {
			if u != v {
				out = append(out, order{u, v, kind})
			}
		}
	}
	for _, m := range moments {
		v := o.versions[m.v]
		switch forward := v.end < v.begin; {
		case forward:
			link(m.v)
			frontier = append(frontier[:0], m.v)
		case !m.isEnd:
			link(m.v)
		default:
			frontier = slices.DeleteFunc(frontier, func(u int32) bool { return o.versions[u].end < v.begin })
			frontier = append(frontier, m.v)
		}
	}
	return out
}
