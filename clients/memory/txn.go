package memory

import (
	"fmt"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/history"
)

// txn performs a transaction on lists ("append" and "r") or on registers ("w" and "r").
func (s *Store) txn(object string, op history.Op) (history.Value, error) {
	mops, ok := op.Value.Txn()
	write := map[string]string{"list-append": "append", "rw-register": "w"}[object]
	for _, m := range mops {
		ok = ok && (m.F == "r" || m.F == write)
	}
	if !ok || op.F != "txn" {
		return "", clients.NotDone(fmt.Errorf("%s %s: expected a transaction on a %s", op.F, op.Value.JSON(), object))
	}
	for i, m := range mops {
		key := object + "/" + m.Key
		switch m.F {
		case "r":
			mops[i].Value = s.registers[key]
		case "w":
			s.registers[key] = m.Value
		default:
			list, _ := s.registers[key].List()
			s.registers[key] = history.List(append(list, m.Value)...)
		}
	}
	return history.Txn(mops), nil
}
