package workloads

import (
	"fmt"

	"github.com/spf13/pflag"

	"github.com/partita-dev/partita/history"
)

// Bank is the workload of accounts between which money is moved. A driver lets accounts 0 to accounts-1 have balance each
// before they are touched; a transfer that would leave a debt is refused by it.
func Bank() Workload {
	return Workload{
		Name:   "bank",
		Doc:    "moves money between accounts and reads all of them at once; no read may see money made or lost, nor a debt",
		Object: "bank",
		Ops:    []string{"read", "transfer"},
		Flags: func(f *pflag.FlagSet) {
			f.Int("accounts", 8, "how many accounts there are")
			f.Int("balance", 10, "what each account has in the beginning")
			f.Int("max-transfer", 5, "the most that is moved at once")
		},
		Build: buildBank,
	}
}

// transfer is the value of a transfer.
type transfer struct {
	From   int   `json:"from"`
	To     int   `json:"to"`
	Amount int64 `json:"amount"`
}

func buildBank(o Options) (Built, error) {
	accounts, err := o.Params.Int("accounts", 8)
	if err != nil {
		return Built{}, err
	}
	balance, err := o.Params.Int("balance", 10)
	if err != nil {
		return Built{}, err
	}
	most, err := o.Params.Int("max-transfer", 5)
	if err != nil {
		return Built{}, err
	}
	const limit = 1_000_000
	if accounts < 2 || accounts > 1000 || balance < 1 || balance > limit || most < 1 || most > limit {
		return Built{}, fmt.Errorf("accounts=%d, balance=%d, max-transfer=%d: expected 2 to 1000 accounts, and amounts of 1 to %d", accounts, balance, most, limit)
	}
	read := history.Op{F: "read", Key: o.RunID}
	return Built{
		Main: Rate(o.Rate, Func(func(c *Ctx, w int) history.Op {
			r := c.Rand(w, c.Count(w))
			if r.IntN(2) == 0 {
				return read
			}
			t := transfer{From: r.IntN(accounts), To: r.IntN(accounts - 1), Amount: 1 + r.Int64N(int64(most))}
			if t.To >= t.From {
				t.To++
			}
			return history.Op{F: "transfer", Key: o.RunID, Value: history.Of(t)}
		})),
		Final:    TimeLimit(finalTries, onEachNode(o, read)),
		Checkers: []string{"bank", "stats", "recovery", "coverage"},
	}, nil
}
