package linear

import (
	"strconv"
	"strings"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
)

// interner gives every different value of one key a small number, in the order in which they come. Two values are the same
// when their canonical texts are: 1, 1.0 and 1e0.
type interner struct {
	small  []int32 // a whole number below len → its id + 1; nearly every value is one
	large  map[string]int32
	values []history.Value
	ops    int // how many operations there are: bounds small
}

func (in *interner) id(v history.Value) int32 {
	n, ok := plain(string(v))
	if !ok {
		text := checker.Canonical(v)
		if n, ok = plain(text); !ok {
			return in.text(text, v)
		}
	}
	if n > 16*in.ops+1024 { // whatever room there is by now: a value that changed its place would be two
		return in.text(strconv.Itoa(n), v)
	}
	if n >= len(in.small) {
		in.small = append(in.small, make([]int32, max(n+1, 2*len(in.small))-len(in.small))...)
	}
	if in.small[n] == 0 {
		in.values = append(in.values, v)
		in.small[n] = int32(len(in.values))
	}
	return in.small[n] - 1
}

func (in *interner) text(text string, v history.Value) int32 {
	id, ok := in.large[text]
	if !ok {
		if in.large == nil {
			in.large = map[string]int32{}
		}
		id = int32(len(in.values))
		in.large[text] = id
		in.values = append(in.values, v)
	}
	return id
}

// plain reads a whole number, not negative, in its one spelling.
func plain(s string) (int, bool) {
	if s == "" || len(s) > 9 || s[0] == '0' && len(s) > 1 {
		return 0, false
	}
	n := 0
	for i := range len(s) {
		d := s[i] - '0'
		if d > 9 {
			return 0, false
		}
		n = 10*n + int(d)
	}
	return n, true
}

// pair is v.Pair, which costs next to nothing for two whole numbers or null.
func pair(v history.Value) (a, b history.Value, ok bool) {
	if n := len(v); n > 4 && v[0] == '[' && v[n-1] == ']' {
		left, right, _ := strings.Cut(string(v[1:n-1]), ",")
		if simple(left) && simple(right) {
			return nothing(left), nothing(right), true
		}
	}
	return v.Pair()
}

func simple(s string) bool {
	_, ok := plain(s)
	return ok || s == "null"
}

func nothing(s string) history.Value {
	if s == "null" {
		return ""
	}
	return history.Value(s)
}
