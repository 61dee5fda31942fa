package workloads

// Append is the workload of transactions that append unique numbers to lists and read them: what a list holds, and in
// which order, tells most of what happened (Kingsbury and Alvaro, "Elle", VLDB 2020; jepsen.tests.cycle.append).
func Append() Workload {
	return Workload{
		Name:   "append",
		Doc:    "transactions that append to lists and read them; they must come to the same as if they had been done one after the other, each between its beginning and its end",
		Object: "list-append",
		Ops:    []string{"txn"},
		Flags:  txnFlags,
		Build:  func(o Options) (Built, error) { return buildTxns(o, "append", "list-append") },
	}
}

// RWRegister is the same with registers that are written and read: closer to what most programs do, and less is seen
// (jepsen.tests.cycle.wr).
func RWRegister() Workload {
	return Workload{
		Name:   "rw-register",
		Doc:    "transactions that write registers and read them; they must come to the same as if they had been done one after the other, each between its beginning and its end",
		Object: "rw-register",
		Ops:    []string{"txn"},
		Flags:  txnFlags,
		Build:  func(o Options) (Built, error) { return buildTxns(o, "w", "rw-register") },
	}
}

func buildTxns(o Options, write, checker string) (Built, error) {
	t, err := newTxns(o, write)
	if err != nil {
		return Built{}, err
	}
	return Built{Main: Rate(o.Rate, t), Final: t.final(o), Checkers: []string{checker, "stats", "recovery", "coverage"}}, nil
}
