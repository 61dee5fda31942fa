package sample

import (
	"fmt"
	"maps"
	"slices"

	"github.com/partita-dev/partita/history"
)

// pollMost is how many records of one log a poll brings.
const pollMost = 32

// consumer is a client that reads logs: the offsets of what it reads next, by the names of the logs. It is the client's own.
type consumer map[string]int64

// readFrom is the request that a poll is.
const readFrom = "read-from"

func logSpecs() []spec {
	return []spec{
		{object: "log", name: "send", effect: send, check: func(op history.Op) error {
			if _, _, ok := record(op.Value); !ok {
				return fmt.Errorf("send %s: expected [log,value]", op.Value.JSON())
			}
			return nil
		}},
		{object: "log", name: "assign", readOnly: true, client: assign, check: func(op history.Op) error {
			if _, ok := logNames(op.Value); !ok {
				return fmt.Errorf("assign %s: expected a list of logs' names", op.Value.JSON())
			}
			return nil
		}},
		{object: "log", name: "poll", readOnly: true, client: poll},
		{object: "log", name: readFrom, readOnly: true, inner: true, read: func(st *state, op history.Op) result {
			var from consumer
			if err := op.Value.Decode(&from); err != nil {
				return result{err: err}
			}
			return result{value: records(st, op.Key, from)}
		}},
	}
}

// record reads what is sent: the name of a log, and a value.
func record(v history.Value) (name string, value history.Value, ok bool) {
	a, value, ok := v.Pair()
	if !ok || value.IsNil() {
		return "", "", false
	}
	name, ok = a.Str()
	return name, value, ok
}

func logNames(v history.Value) (names []string, ok bool) {
	vs, ok := v.List()
	for _, x := range vs {
		name, isName := x.Str()
		if !isName {
			return nil, false
		}
		names = append(names, name)
	}
	return names, ok
}

// log is the records of one log.
func (s *state) log(key, name string) []history.Value { return s.Logs[key+"/"+name] }

// send appends a record, and answers where it is.
func send(st *state, c command) result {
	name, value, _ := record(c.Value)
	if st.Logs == nil {
		st.Logs = map[string][]history.Value{}
	}
	log := st.log(c.Key, name)
	st.Logs[c.Key+"/"+name] = append(log, value)
	return sentAt(name, int64(len(log)), value)
}

// sentAt is the answer to a send: [log, [offset, value]].
func sentAt(name string, offset int64, value history.Value) result {
	return result{value: history.Pair(history.Str(name), history.Pair(history.Int(offset), value))}
}

// records is what stands in some logs from offsets on: {log: [[offset, value]…]}.
func records(st *state, key string, from consumer) history.Value {
	all := map[string][]history.Value{}
	for name, at := range from {
		log := st.log(key, name)
		for i := at; i < min(int64(len(log)), at+pollMost); i++ {
			all[name] = append(all[name], history.Pair(history.Int(i), log[i]))
		}
	}
	return history.Of(all)
}

// assign says which logs a client polls. It reads those that are new to it from their beginning.
func assign(s *Store, _ *replica, q *Request) {
	names, _ := logNames(q.Op.Value)
	s.after(&s.clients, s.clients.between(clientFrom, clientTo), func() {
		if q.over {
			return
		}
		had := s.consumers[q.Op.Process]
		now := consumer{}
		for _, n := range names {
			now[n] = had[n]
		}
		s.consumers[q.Op.Process] = now
		q.finish(result{value: q.Op.Value})
	})
}

// poll brings what comes next in a client's logs.
func poll(s *Store, r *replica, q *Request) {
	from, assigned := s.consumers[q.Op.Process]
	if !assigned {
		s.after(&s.clients, 0, func() {
			if !q.over {
				q.finish(refused("unassigned", "the client was not told which logs to read"))
			}
		})
		return
	}
	s.step(r, q, readFrom, history.Of(maps.Clone(from)), func(got result) {
		var all map[string][]history.Value
		if got.err == nil {
			got.err = got.value.Decode(&all)
		}
		for _, name := range slices.Sorted(maps.Keys(all)) {
			for _, rec := range all[name] {
				at, _, _ := rec.Pair()
				if n, ok := at.Int(); ok {
					from[name] = n + 1
				}
			}
		}
		q.finish(got)
	})
}
