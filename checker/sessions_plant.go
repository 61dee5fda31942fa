package checker

import (
	"math/rand/v2"

	"github.com/partita-dev/partita/history"
)

// Plant gives a client that wrote and read, and then reads that nothing is there. Which guarantees were asked for is a parameter, which a
// planter does not see: so where the order of writes is known, there is also one that takes place before all others.
func (k sessionsChecker) Plant(v *history.View, r *rand.Rand) ([]history.Op, bool) {
	for _, key := range keysFrom(v, r) {
		read := map[int32]history.Call{} // by each client, last
		wrote := map[int32]history.Call{}
		var calls, reads, writes []history.Call
		for _, i := range v.CallsOf(key) {
			c := v.Calls[i]
			if c.Type != history.OK {
				continue
			}
			ret := v.Ops[c.Return]
			_, revision := ret.Ext.Int()
			_, number := ret.Value.Int()
			x, haveRead := read[c.Worker]
			y, haveWritten := wrote[c.Worker]
			switch f := v.Inv(c).F; {
			case f == "read" && haveRead && haveWritten && len(reads) == 0:
				calls, reads = append(calls, x, y, c), append(reads, c)
				continue
			case f != "read" && haveWritten && len(writes) == 0 && (revision || f == "inc"):
				calls, writes = append(calls, y, c), append(writes, c)
				continue
			case !number && !revision:
			case f == "read":
				read[c.Worker] = c
			default:
				wrote[c.Worker] = c
			}
		}
		if len(reads) == 0 {
			continue
		}
		ops := Excerpt(v, distinct(calls))
		change(v, ops, reads[0], func(o *history.Op) { o.Value, o.Ext = "", "" })
		for _, c := range writes {
			change(v, ops, c, func(o *history.Op) {
				if _, ok := o.Ext.Int(); ok {
					o.Ext = history.Int(-1)
				} else {
					o.Value = history.Int(-1)
				}
			})
		}
		return ops, true
	}
	return nil, false
}
