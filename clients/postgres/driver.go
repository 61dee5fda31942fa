package postgres

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
)

const (
	port = 5432
	user = "postgres"
)

// The objects that the driver works on, as the parameter "object" names them.
const (
	register   = "register"
	set        = "set"
	bank       = "bank"
	listAppend = "list-append"
	rwRegister = "rw-register"
)

// Isolation levels, as the parameter "isolation" names them, and as SQL does.
var isolations = map[string]string{
	"read-committed": "read committed", "repeatable-read": "repeatable read", "serializable": "serializable",
}

// driver is what the parameters of a run say.
type driver struct {
	object            string
	isolation         string // as SQL names it
	reads             string // primary, standby or both
	accounts, balance int

	redial func(context.Context, cluster.Node) (net.Conn, error) // nil, but for the test that shows what refusing it is good for
}

// New makes the driver. Parameters: "object", register (default), set, bank, list-append or rw-register; "isolation",
// serializable (default), repeatable-read or read-committed; "reads", where what only reads goes: primary (default), standby
// or both; of a bank "accounts" (8) and "balance" (10).
func New(p history.Params) (clients.Driver, error) {
	d := driver{object: p.String("object", register), reads: p.String("reads", "primary")}
	if objects := []string{register, set, bank, listAppend, rwRegister}; !slices.Contains(objects, d.object) {
		return nil, fmt.Errorf("parameter object=%q: choose from %s", d.object, strings.Join(objects, ", "))
	}
	level := p.String("isolation", "serializable")
	if d.isolation = isolations[level]; d.isolation == "" {
		return nil, fmt.Errorf("parameter isolation=%q: choose from read-committed, repeatable-read, serializable", level)
	}
	if reads := []string{"primary", "standby", "both"}; !slices.Contains(reads, d.reads) {
		return nil, fmt.Errorf("parameter reads=%q: choose from %s", d.reads, strings.Join(reads, ", "))
	}
	var err error
	if d.accounts, err = p.Int("accounts", 8); err != nil {
		return nil, err
	}
	d.balance, err = p.Int("balance", 10)
	return d, err
}

// Ops lists the operations on all objects.
func (driver) Ops() []clients.OpSpec {
	return []clients.OpSpec{
		{Object: register, Name: "read", ReadOnly: true},
		{Object: register, Name: "write"},
		{Object: register, Name: "cas"},
		{Object: set, Name: "add"},
		{Object: set, Name: "read", ReadOnly: true},
		{Object: bank, Name: "read", ReadOnly: true},
		{Object: bank, Name: "transfer"},
		{Object: listAppend, Name: "txn"},
		{Object: rwRegister, Name: "txn"},
	}
}

// Tables. Keys have the run's id in them, so that two runs on one database do not meet.
const tables = `
CREATE TABLE IF NOT EXISTS partita_registers (k text PRIMARY KEY, v text NOT NULL);
CREATE TABLE IF NOT EXISTS partita_lists (k text PRIMARY KEY, v text NOT NULL);
CREATE TABLE IF NOT EXISTS partita_sets (k text NOT NULL, e bigint NOT NULL);
CREATE INDEX IF NOT EXISTS partita_sets_k ON partita_sets (k);
CREATE TABLE IF NOT EXISTS partita_accounts (k text NOT NULL, account int NOT NULL, balance bigint NOT NULL, PRIMARY KEY (k, account));`

// Setup makes the tables on the primary, and waits for nobody: a standby gets them by its stream.
func (d driver) Setup(ctx context.Context, c *cluster.Cluster, _ history.Params) error {
	var last error
	for _, n := range c.Nodes {
		conn := &conn{driver: d, cluster: c, node: n, links: map[role]*link{}}
		l, err := conn.link(ctx, toPrimary)
		if err == nil {
			_, err = l.pg.Exec(ctx, tables).ReadAll()
		}
		_ = conn.Close()
		if err == nil {
			return nil
		}
		last = err
	}
	return fmt.Errorf("make the tables of PostgreSQL: %w", last)
}

// Open makes a client of one node. It connects with the first operation, whose deadline then bounds both.
func (d driver) Open(_ context.Context, c *cluster.Cluster, n cluster.Node, _ int32) (clients.Conn, error) {
	return &conn{driver: d, cluster: c, node: n, links: map[role]*link{}}, nil
}
