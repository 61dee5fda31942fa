package sample

import "github.com/partita-dev/partita/history"

func idsSpecs() []spec {
	return []spec{{object: "ids", name: "generate", effect: func(st *state, c command) result {
		st.IDs[c.Key]++
		return result{value: history.Int(st.IDs[c.Key])}
	}}}
}
