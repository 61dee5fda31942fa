package memory

import (
	"fmt"
	"maps"
	"slices"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/history"
)

// line performs op on a queue or a stack: what is there, the oldest first.
func (s *Store) line(object string, op history.Op) (history.Value, error) {
	in := s.lines[object+op.Key]
	switch {
	case (op.F == "enqueue" || op.F == "push") && !op.Value.IsNil():
		s.lines[object+op.Key] = append(in, op.Value)
		return op.Value, nil
	case (op.F == "dequeue" || op.F == "pop") && len(in) == 0:
		return "", nil
	case op.F == "dequeue":
		s.lines[object+op.Key] = in[1:]
		return in[0], nil
	case op.F == "pop":
		s.lines[object+op.Key] = in[:len(in)-1]
		return in[len(in)-1], nil
	}
	return "", clients.NotDone(fmt.Errorf("no operation %s of %s on a %s", op.F, op.Value.JSON(), object))
}

// log performs op on logs, which each process reads on from where it stopped.
func (s *Store) log(op history.Op) (history.Value, error) {
	switch op.F {
	case "send":
		name, v, ok := op.Value.Pair()
		if n, isName := name.Str(); ok && isName {
			log := s.lines["log"+op.Key+n]
			s.lines["log"+op.Key+n] = append(log, v)
			return history.Pair(name, history.Pair(history.Int(int64(len(log))), v)), nil
		}
	case "assign":
		var names []string
		if op.Value.Decode(&names) == nil {
			now := map[string]int{}
			for _, n := range names {
				now[n] = s.readers[op.Process][n]
			}
			s.readers[op.Process] = now
			return op.Value, nil
		}
	case "poll":
		from := s.readers[op.Process]
		if from == nil {
			return "", refuse("unassigned", "the client was not told which logs to read")
		}
		all := map[string][]history.Value{}
		for _, n := range slices.Sorted(maps.Keys(from)) {
			for i, v := range s.lines["log"+op.Key+n][from[n]:] {
				all[n] = append(all[n], history.Pair(history.Int(int64(from[n]+i)), v))
			}
			from[n] += len(all[n])
		}
		return history.Of(all), nil
	}
	return "", clients.NotDone(fmt.Errorf("no operation %s of %s on a log", op.F, op.Value.JSON()))
}
