package txn

import (
	"fmt"
	"strings"

	"github.com/partita-dev/partita/history"
)

// described is how many findings of one kind are described; the others are counted.
const described = 10

// finding is an anomaly that is no cycle.
type finding struct {
	name string
	key  int32
	txns []int32 // those that prove it
	text string
	data any
}

// found collects what is wrong.
type found struct {
	counts map[string]int
	list   []finding
}

// add notes a finding; text is asked for only when it will be shown.
func (f *found) add(name string, key int32, txns []int32, text func() string) {
	if f.counts == nil {
		f.counts = map[string]int{}
	}
	if f.counts[name]++; f.counts[name] <= described {
		f.list = append(f.list, finding{name: name, key: key, txns: txns, text: text()})
	}
}

// label names a transaction in a sentence by the index of its invocation, as it stands in the history file.
func (c *columns) label(t int32) string {
	return fmt.Sprintf("T%d", c.view.Ops[c.inv[t]].Index)
}

// events are the indices of the events of transactions.
func (c *columns) events(txns []int32) (is []int64) {
	for _, t := range txns {
		is = append(is, c.view.Ops[c.inv[t]].Index)
		if ret, ok := c.view.Ret(c.view.Calls[c.call[t]]); ok {
			is = append(is, ret.Index)
		}
	}
	return is
}

// show shortens a value for a sentence: of a long list the end is what matters.
func show(text string) string {
	const most = 60
	text = strings.ReplaceAll(text, ",", " ")
	if len(text) <= most {
		return text
	}
	cut := len(text) - most
	for cut < len(text) && !history.Value(text[cut:]).IsNil() && text[cut]&0xc0 == 0x80 {
		cut++
	}
	return "[… " + strings.TrimLeft(text[cut:], "0123456789")
}
