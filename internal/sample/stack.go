package sample

import "github.com/partita-dev/partita/history"

func stackSpecs() []spec {
	return []spec{
		{object: "stack", name: "push", blind: true, check: something, effect: func(st *state, c command) result {
			if st.Stacks == nil {
				st.Stacks = map[string][]history.Value{}
			}
			st.Stacks[c.Key] = append(st.Stacks[c.Key], c.Value)
			return result{value: c.Value}
		}},
		{object: "stack", name: "pop", effect: pop},
	}
}

// pop takes the value that was pushed last; nothing, as an answer, means that the stack is empty.
func pop(st *state, c command) result {
	s := st.Stacks[c.Key]
	if len(s) == 0 {
		return result{}
	}
	top := s[len(s)-1]
	st.Stacks[c.Key] = s[:len(s)-1]
	return result{value: top}
}
