# Two commands do everything from a fresh clone: `make demo` and `make test`.
GO            ?= go
LINT_VERSION  := v2.15.0
SUM_VERSION   := v1.13.0
BIN           := $(CURDIR)/bin
export GOBIN  := $(BIN)
SHELL         := /bin/bash -o pipefail

.PHONY: all build demo test unit lint doctor packages torture vacuous track-record findings mutants oracle rungs bench clean

all: build

# The binary is static: it is also the agent that runs on the nodes.
build: $(BIN)/partita

$(BIN)/partita: $(shell find . -name '*.go' -not -name '*_test.go' -not -path './bin/*') go.mod go.sum $(shell find docker internal/report -type f -not -name '*.go')
	CGO_ENABLED=0 $(GO) build -trimpath -o $@ ./cmd/partita

# demo brings up real databases, cuts off whoever leads, and ends with their verdicts and reports.
demo: build doctor
	$(BIN)/partita demo

# rungs runs the demo on every way to get nodes that this machine has, and prints the table of them.
rungs: build
	$(GO) run ./bench/rungs -partita $(BIN)/partita

# doctor installs and starts what the machine lacks; PARTITA_NO_INSTALL=1 forbids it. Where no nodes can be had at all the
# demo shows the sample store, and tests say NOT RUN, unless PARTITA_REQUIRE or PARTITA_PROVIDER names what must work.
doctor: build
	$(BIN)/partita doctor --fix || [ -z "$$PARTITA_REQUIRE$$PARTITA_PROVIDER" ]

test: packages lint unit

lint: $(BIN)/golangci-lint-$(LINT_VERSION)
	$(GO) vet ./...
	$(BIN)/golangci-lint-$(LINT_VERSION) run ./...

$(BIN)/golangci-lint-$(LINT_VERSION):
	$(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	mv $(BIN)/golangci-lint $@

# unit is every package's tests with the race detector; `NOT RUN:` lines say what this machine cannot do.
unit: build doctor packages $(BIN)/gotestsum-$(SUM_VERSION)
	PARTITA_AGENT=$(BIN)/partita $(BIN)/gotestsum-$(SUM_VERSION) --format pkgname-and-test-fails -- -race -p 2 -timeout 20m ./...

$(BIN)/gotestsum-$(SUM_VERSION):
	$(GO) install gotest.tools/gotestsum@$(SUM_VERSION)
	mv $(BIN)/gotestsum $@

# torture kills controllers, nodes and engines, and prints what was lost and left: nothing.
torture: build doctor
	cd internal/torture && PARTITA_AGENT=$(BIN)/partita PARTITA_TORTURE=all $(GO) test -timeout 85m -count 1

# vacuous prints the runs that tested nothing, and why none of them is called valid.
vacuous:
	PARTITA_PRINT=1 $(GO) test -count 1 -v -run 'TestVacuousRuns' ./checker | grep -vE '^ *(===|---) (RUN|PASS)'

# track-record tries every bug of the sample with 20 seeds and does 360 clean runs, and writes docs/track-record.md.
track-record: vacuous
	$(GO) run ./bench/trackrecord

# findings reproduces what real databases are known to do: ONLY=postgresql for some of it, SEEDS=10 for more runs.
SEEDS ?= 3
findings: build doctor
	$(BIN)/partita findings --seeds $(SEEDS) $(if $(ONLY),--only $(ONLY))

# mutants spoils 10,000 histories and has every checker judge what is left: an error that says where, or a verdict.
mutants:
	PARTITA_PRINT=1 PARTITA_MUTANTS=10000 $(GO) test -timeout 30m -count 1 -v -run 'TestMutatedHistories' ./internal/judge | grep -vE '^ *(===|---) (RUN|PASS)'

# oracle compares the checkers with brute force on a million histories.
oracle:
	PARTITA_ORACLE_N=1000000 $(GO) test -timeout 80m -count 1 -v -run 'BruteForce|Oracle' ./checker/...

bench:
	$(GO) test -run '^$$' -bench . ./bench

packages:
	.ci/packages

clean:
	rm -rf $(BIN)
