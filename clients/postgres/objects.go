package postgres

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/history"
)

// stored makes a value of what a table holds. What is not JSON was not written by us: it is kept as a string, so that a
// checker sees it and the history stays readable.
func stored(s []byte) history.Value {
	var compact bytes.Buffer
	if err := json.Compact(&compact, s); err != nil {
		return history.Str(string(s))
	}
	return history.Value(compact.String())
}

// text is a value as a table holds it: compact, so that a cas compares values and not their spacing.
func text(v history.Value) string { return string(stored([]byte(v.JSON()))) }

// readRegister gives a register's value, nil when it was never written.
func readRegister(ctx context.Context, l *link, key string) (history.Value, error) {
	rows, _, err := l.query(ctx, "SELECT v FROM partita_registers WHERE k = $1", key)
	if err != nil || len(rows) == 0 {
		return "", err
	}
	return stored(rows[0][0]), nil
}

const upsert = "INSERT INTO partita_registers (k, v) VALUES ($1, $2) ON CONFLICT (k) DO UPDATE SET v = EXCLUDED.v"

// write sets a value. Nil is refused: it stands for a register that was never written.
func write(ctx context.Context, l *link, op history.Op) (history.Value, error) {
	if op.Value.IsNil() {
		return "", clients.BadOp("write of nothing to %q", op.Key)
	}
	if _, _, err := l.query(ctx, upsert, op.Key, text(op.Value)); err != nil {
		return "", refused(err)
	}
	return op.Value, nil
}

// cas writes the second of two values if the register holds the first; nil as the first: if it was never written.
func cas(ctx context.Context, l *link, op history.Op) (history.Value, error) {
	from, to, ok := op.Value.Pair()
	if !ok || to.IsNil() {
		return "", clients.BadOp("cas of %q with %s: expected [from,to]", op.Key, op.Value.JSON())
	}
	sql, values := "UPDATE partita_registers SET v = $2 WHERE k = $1 AND v = $3", []string{op.Key, text(to), text(from)}
	if from.IsNil() {
		sql, values = "INSERT INTO partita_registers (k, v) VALUES ($1, $2) ON CONFLICT (k) DO NOTHING", values[:2]
	}
	_, tag, err := l.query(ctx, sql, values...)
	switch {
	case err != nil:
		return "", refused(err)
	case tag.RowsAffected() == 0:
		return "", errMismatch
	}
	return op.Value, nil
}

// add puts an element, a whole number, into a set. There is no constraint: one that is added twice is there twice.
func add(ctx context.Context, l *link, op history.Op) (history.Value, error) {
	n, ok := op.Value.Int()
	if !ok {
		return "", clients.BadOp("add of %s to %q: expected a whole number", op.Value.JSON(), op.Key)
	}
	if _, _, err := l.query(ctx, "INSERT INTO partita_sets (k, e) VALUES ($1, $2)", op.Key, strconv.FormatInt(n, 10)); err != nil {
		return "", refused(err)
	}
	return op.Value, nil
}

// readSet lists the elements in their order.
func readSet(ctx context.Context, l *link, key string) (history.Value, error) {
	rows, _, err := l.query(ctx, "SELECT e FROM partita_sets WHERE k = $1", key)
	if err != nil {
		return "", err
	}
	es := make([]int64, len(rows))
	for i, row := range rows {
		if es[i], err = strconv.ParseInt(string(row[0]), 10, 64); err != nil {
			return "", err
		}
	}
	slices.Sort(es)
	vs := make([]history.Value, len(es))
	for i, e := range es {
		vs[i] = history.Int(e)
	}
	return history.List(vs...), nil
}
