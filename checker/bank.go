package checker

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"github.com/partita-dev/partita/history"
)

// Bank is the checker of accounts between which money is moved (read of all accounts, transfer from one to another):
// every read must see the same total, of the right accounts, each with a balance, and none below zero. It is Jepsen's
// bank checker: of each read the first of unexpected account, missing balance, wrong total and negative balance counts.
// The total is --param total, or accounts × balance, which are parameters of the workload; --param negative=true allows debts.
func Bank() Spec {
	return Spec{"bank", "each read of all accounts (read, transfer) sees the whole money, and no debts; --param total=N is how much there is, negative=true allows debts", bankChecker{}}
}

// What a test may leave out of the rules.
const (
	bankWithoutTotal      mistake = "the total is not looked at"
	bankWithoutNegative   mistake = "debts are not looked at"
	bankWithoutMissing    mistake = "a balance may be missing"
	bankWithoutUnexpected mistake = "any account may be there"
	bankOfAnybody         mistake = "a failed read is judged too"
)

type bankChecker struct{ without mistake }

// bank is what is known of the accounts.
type bank struct {
	total    int64
	accounts int // named 0 to accounts-1; 0: not known
	debts    bool
}

// newBank reads the parameters.
func newBank(p history.Params) (bank, error) {
	var b bank
	accounts, err := p.Int("accounts", 0)
	if err != nil {
		return b, err
	}
	balance, err := p.Int("balance", 0)
	if err != nil {
		return b, err
	}
	total, err := p.Int("total", accounts*balance)
	if err != nil {
		return b, err
	}
	if b.debts, err = p.Bool("negative", false); err != nil {
		return b, err
	}
	_, hasTotal := p["total"]
	_, hasBalance := p["balance"]
	switch {
	case accounts < 0:
		return b, fmt.Errorf("parameter accounts=%d: expected how many there are", accounts)
	case !hasTotal && (!hasBalance || accounts == 0):
		return b, fmt.Errorf("how much money there is is not known: say --param total=N")
	}
	b.total, b.accounts = int64(total), accounts
	return b, nil
}

// badBalance is a read that cannot be right.
type badBalance struct {
	Index int64         `json:"index"` // of its completion
	Value history.Value `json:"value"`
	Off   int64         `json:"off"` // by how much; for accounts, how many
	call  history.Call
}

// bankCounts are the figures of all banks of a history.
type bankCounts struct {
	transfers, moved, reads int
	bad                     map[string]int
}

// Check judges each key as a bank of its own.
func (k bankChecker) Check(ctx context.Context, in Input) Result {
	b, err := newBank(in.Params)
	if err != nil {
		return Result{Reason: err.Error()}
	}
	t := bankCounts{bad: map[string]int{}}
	out := eachKey(ctx, in, func(key string) ([]Anomaly, error) { return k.judge(in.History, key, b, &t) })
	out.needs(t.moved > 0, "no transfer succeeded: nothing was moved")
	out.needs(t.reads > 0, "no read succeeded: what became of the money is not known")
	out.Facts = map[string]any{"algorithm": "one pass", "total": b.total, "transfers": t.transfers, "transfers ok": t.moved, "reads of accounts": t.reads, "bad reads": t.bad}
	if b.accounts == 0 {
		out.Facts["not searched"] = "unexpected accounts: --param accounts=N says how many there are"
	}
	return out
}

// bankAnomalies are the kinds of bad reads, in the order in which a read is looked at, with words about them.
var bankAnomalies = []struct{ name, says string }{
	{"unexpected-account", "with accounts that do not exist"},
	{"missing-balance", "without the balance of an account"},
	{"wrong-total", "of a wrong total"},
	{"negative-balance", "of a debt"},
}

func (k bankChecker) judge(v *history.View, key string, b bank, t *bankCounts) ([]Anomaly, error) {
	found := map[string]*extremes[badBalance]{}
	var reason error
	var p balances
	for _, i := range v.CallsOf(key) {
		c := v.Calls[i]
		inv := v.Inv(c)
		switch {
		case inv.F == "transfer":
			t.transfers++
			if c.Type == history.OK {
				t.moved++
			}
			continue
		case inv.F != "read":
			return nil, malformed(inv.Index, "operation %q: a bank has read and transfer", inv.F)
		case c.Return < 0 || c.Type != history.OK && k.without != bankOfAnybody:
			continue
		}
		ret := v.Ops[c.Return]
		if !p.read(ret.Value) {
			if c.Type == history.OK && reason == nil {
				reason = malformed(ret.Index, "a read answered %s: expected the balance of each account", Show(ret.Value))
			}
			continue
		}
		t.reads++
		name, off := k.look(b, &p)
		if name == "" {
			continue
		}
		if found[name] == nil {
			found[name] = &extremes[badBalance]{}
		}
		found[name].add(badBalance{ret.Index, ret.Value, off, c}, max(off, -off))
		t.bad[name]++
	}
	var as []Anomaly
	for _, a := range bankAnomalies {
		e := found[a.name]
		if e == nil {
			continue
		}
		calls := e.notable(func(x badBalance) history.Call { return x.call })
		text := fmt.Sprintf("%s %s: the worst (%s) answered %s", count(e.Count, "read"), a.says, Who(v.Inv(e.Worst.call)), Show(e.Worst.Value))
		if a.name == "wrong-total" {
			text += fmt.Sprintf(", which is %d in all instead of %d", b.total+e.Worst.Off, b.total)
		}
		as = append(as, Anomaly{
			Name: a.name, Ops: Events(v, calls...), Text: text,
			Data: bankData{e, exhibit(v, calls, fmt.Sprintf("transfers move money and never make or lose any: there are %d", b.total), func(history.Call) string { return "" })},
		})
	}
	return as, reason
}

// bankData is the Data of a bank's anomaly.
type bankData struct {
	*extremes[badBalance]
	Exhibit
}

// look judges one read: the name of what is wrong with it, "" for nothing, and by how much.
func (k bankChecker) look(b bank, p *balances) (string, int64) {
	unexpected, known, missing, sum, debt := int64(0), int64(0), int64(0), int64(0), int64(0)
	for _, a := range p.list {
		switch {
		case b.accounts > 0 && !b.has(a.name):
			unexpected++
		case a.none:
			missing++
		}
		if b.has(a.name) {
			known++
		}
		sum += a.balance
		debt = min(debt, a.balance)
	}
	if b.accounts > 0 {
		missing += int64(b.accounts) - known
	}
	switch {
	case unexpected > 0 && k.without != bankWithoutUnexpected:
		return "unexpected-account", unexpected
	case missing > 0 && k.without != bankWithoutMissing:
		return "missing-balance", missing
	case sum != b.total && k.without != bankWithoutTotal:
		return "wrong-total", sum - b.total
	case debt < 0 && !b.debts && k.without != bankWithoutNegative:
		return "negative-balance", debt
	}
	return "", 0
}

func (b bank) has(name string) bool {
	n, err := strconv.Atoi(name)
	return err == nil && n >= 0 && n < b.accounts && strconv.Itoa(n) == name
}

// account is one entry of a read.
type account struct {
	name    string
	balance int64
	none    bool // it has no balance
}

// balances is what a read answered; it is used again for the next one.
type balances struct {
	list []account
	seen map[string]bool
}

// mostMoney is more than all that can be in one account, so that sums do not overflow.
const mostMoney = math.MaxInt64 >> 20

// read takes {"0":10,"1":null} apart; false when a value is something else. Numbers other than plain ones are no balances.
func (p *balances) read(v history.Value) bool {
	p.list = p.list[:0]
	if p.plain(string(v)) {
		return p.distinct()
	}
	p.list = p.list[:0]
	var m map[string]*int64
	if v.IsNil() || v.Decode(&m) != nil || len(m) > 1<<20 {
		return false
	}
	for name, balance := range m {
		a := account{name: name, none: balance == nil}
		if balance != nil {
			a.balance = *balance
		}
		if a.balance > mostMoney || a.balance < -mostMoney {
			return false
		}
		p.list = append(p.list, a)
	}
	return true
}

// distinct reports whether no account is there twice: which of the two would count nobody knows.
func (p *balances) distinct() bool {
	if p.seen == nil {
		p.seen = map[string]bool{}
	}
	clear(p.seen)
	for _, a := range p.list {
		p.seen[a.name] = true
	}
	return len(p.seen) == len(p.list)
}

// plain reads the one spelling that drivers write, without spaces and escapes, which is nearly every value.
func (p *balances) plain(s string) bool {
	if len(s) < 2 || s[0] != '{' {
		return false
	}
	for s = s[1:]; ; s = s[1:] {
		if len(s) == 0 || s[0] != '"' {
			return s == "}" && len(p.list) == 0
		}
		end := 1
		for end < len(s) && s[end] != '"' {
			if s[end] == '\\' || s[end] >= 0x80 {
				return false
			}
			end++
		}
		if end+1 >= len(s) || s[end+1] != ':' {
			return false
		}
		a := account{name: s[1:end]}
		s = s[end+2:]
		end = 0
		for end < len(s) && s[end] != ',' && s[end] != '}' {
			end++
		}
		n, err := strconv.ParseInt(s[:end], 10, 64)
		switch a.balance, a.none = n, s[:end] == "null"; {
		case a.none:
		case err != nil || !plainInt(s[:end]) || n > mostMoney || n < -mostMoney:
			return false
		}
		p.list = append(p.list, a)
		if s = s[end:]; s == "}" {
			return true
		}
		if len(s) == 0 || s[0] != ',' {
			return false
		}
	}
}
