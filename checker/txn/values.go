package txn

import (
	"bytes"
	"encoding/json"

	"github.com/partita-dev/partita/history"
)

// compacted is a value's text without white space.
func compacted(text string) string {
	var b bytes.Buffer
	if json.Compact(&b, []byte(text)) != nil {
		return text
	}
	return b.String()
}

// lastRead is the text of the read of a key in which a call met an element last; of none when the element is "".
func lastRead(v *history.View, call int, key, element string) string {
	c := v.Calls[call]
	if c.Return < 0 {
		return "null"
	}
	mops, _ := v.Ops[c.Return].Value.Txn()
	text := "[]"
	for _, m := range mops {
		if m.F != "r" || m.Key != key {
			continue
		}
		list, _ := m.Value.List()
		if len(list) == 0 && element == "" || at(list, element) >= 0 {
			text = string(m.Value)
		}
	}
	if history.Value(text).IsNil() {
		return "[]"
	}
	return text
}
