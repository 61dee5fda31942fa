package postgres

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/history"
)

// within does f in one transaction of the connection's isolation level. When COMMIT was not sent, nothing happened.
func within(ctx context.Context, l *link, f func() error) error {
	if _, _, err := l.query(ctx, "BEGIN"); err != nil {
		return clients.NotDone(classify(ctx, err))
	}
	if err := f(); err != nil {
		var answer *pgconn.PgError
		if clients.IsNotDone(err) || errors.As(err, &answer) {
			_, _, _ = l.query(ctx, "ROLLBACK") // where it fails, the connection is given up: that rolls back too
		}
		if err = refused(err); clients.IsNotDone(err) {
			return err
		}
		return clients.NotDone(classify(ctx, err))
	}
	_, tag, err := l.query(ctx, "COMMIT")
	switch {
	case err != nil:
		return refused(err)
	case tag.String() == "ROLLBACK":
		return errRolledBack
	}
	return nil
}

// transaction does the micro-operations of a transaction one after the other.
func (c *conn) transaction(op history.Op) (request, error) {
	mops, ok := op.Value.Txn()
	if !ok {
		return request{}, clients.BadOp("transaction %s: expected [[\"r\",key,null], …]", op.Value.JSON())
	}
	readOnly := true
	for _, m := range mops {
		switch {
		case m.F == "r":
		case m.F == "append" && c.object == listAppend || m.F == "w" && c.object == rwRegister:
			if _, number := m.Value.Int(); !number {
				return request{}, clients.BadOp("%s of %s to %q: expected a whole number", m.F, m.Value.JSON(), m.Key)
			}
			readOnly = false
		default:
			return request{}, clients.BadOp("micro-operation %q on a %s", m.F, c.object)
		}
	}
	return request{readOnly, func(ctx context.Context, l *link) (history.Value, error) {
		done := make([]history.Mop, len(mops))
		err := within(ctx, l, func() (err error) {
			for i, m := range mops {
				if done[i], err = c.mop(ctx, l, op.Key+"/"+m.Key, m); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return "", err
		}
		return answered(op.Value, done), nil
	}}, nil
}

func (c *conn) mop(ctx context.Context, l *link, key string, m history.Mop) (history.Mop, error) {
	var err error
	switch {
	case m.F == "append":
		_, _, err = l.query(ctx, "INSERT INTO partita_lists (k, v) VALUES ($1, $2) ON CONFLICT (k) DO UPDATE SET v = partita_lists.v || ',' || EXCLUDED.v", key, m.Value.JSON())
	case m.F == "w":
		_, _, err = l.query(ctx, upsert, key, m.Value.JSON())
	case c.object == rwRegister:
		m.Value, err = readRegister(ctx, l, key)
	default:
		m.Value, err = readList(ctx, l, key)
	}
	return m, err
}

// readList gives a list, the empty one when nothing was appended.
func readList(ctx context.Context, l *link, key string) (history.Value, error) {
	rows, _, err := l.query(ctx, "SELECT v FROM partita_lists WHERE k = $1", key)
	if err != nil || len(rows) == 0 {
		return history.List(), err
	}
	return stored([]byte("[" + string(rows[0][0]) + "]")), nil
}

// answered is the transaction as it was asked for with the answers in it: keys stay as they were, numbers or strings.
func answered(asked history.Value, done []history.Mop) history.Value {
	all, _ := asked.List()
	out := make([]history.Value, len(done))
	for i, m := range done {
		parts, _ := all[i].List()
		out[i] = history.List(parts[0], parts[1], m.Value)
	}
	return history.List(out...)
}

// transfer moves money from one account to another, as an application does that computes the new balances itself.
func (c *conn) transfer(op history.Op) (request, error) {
	var t struct {
		From, To *int
		Amount   int64
	}
	if err := op.Value.Decode(&t); err != nil || t.From == nil || t.To == nil || *t.From == *t.To || t.Amount < 1 ||
		min(*t.From, *t.To) < 0 || max(*t.From, *t.To) >= c.accounts {
		return request{}, clients.BadOp("transfer %s in %q: expected from and to, two of %d accounts, and an amount", op.Value.JSON(), op.Key, c.accounts)
	}
	return request{do: func(ctx context.Context, l *link) (history.Value, error) {
		return op.Value, within(ctx, l, func() error {
			from, err := c.balanceOf(ctx, l, op.Key, *t.From)
			if err != nil {
				return err
			}
			to, err := c.balanceOf(ctx, l, op.Key, *t.To)
			if err != nil {
				return err
			}
			if from < t.Amount {
				return errInsufficient
			}
			if err := putBalance(ctx, l, op.Key, *t.From, from-t.Amount); err != nil {
				return err
			}
			return putBalance(ctx, l, op.Key, *t.To, to+t.Amount)
		})
	}}, nil
}

func (c *conn) balanceOf(ctx context.Context, l *link, bank string, account int) (int64, error) {
	rows, _, err := l.query(ctx, "SELECT balance FROM partita_accounts WHERE k = $1 AND account = $2", bank, strconv.Itoa(account))
	if err != nil || len(rows) == 0 {
		return int64(c.balance), err
	}
	return strconv.ParseInt(string(rows[0][0]), 10, 64)
}

func putBalance(ctx context.Context, l *link, bank string, account int, balance int64) error {
	_, _, err := l.query(ctx, "INSERT INTO partita_accounts (k, account, balance) VALUES ($1, $2, $3) ON CONFLICT (k, account) DO UPDATE SET balance = EXCLUDED.balance",
		bank, strconv.Itoa(account), strconv.FormatInt(balance, 10))
	return err
}

// readBank gives the balance of each account, by one statement. An account that was never touched has what it began with.
func (c *conn) readBank(ctx context.Context, l *link, bank string) (history.Value, error) {
	rows, _, err := l.query(ctx, "SELECT account, balance FROM partita_accounts WHERE k = $1", bank)
	if err != nil {
		return "", err
	}
	all := map[string]int64{}
	for n := range c.accounts {
		all[strconv.Itoa(n)] = int64(c.balance)
	}
	for _, row := range rows {
		if all[strings.TrimSpace(string(row[0]))], err = strconv.ParseInt(string(row[1]), 10, 64); err != nil {
			return "", err
		}
	}
	return history.Of(all), nil
}
