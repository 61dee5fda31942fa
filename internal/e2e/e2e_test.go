package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/cmd"
	"github.com/partita-dev/partita/docker"
	"github.com/partita-dev/partita/internal/netns"
)

func TestMain(m *testing.M) {
	// A checker's child process is this binary again, as it is the partita binary in real life.
	if len(os.Args) > 1 && os.Args[1] == cmd.ChildCommand {
		os.Exit(cmd.Main())
	}
	testscript.Main(m, map[string]func(){
		"partita": func() { os.Exit(cmd.Main()) },
	})
}

// TestCommandLine needs neither Docker nor root.
func TestCommandLine(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup:               setup,
		Cmds:                commands,
	})
}

// TestOnDocker runs real databases.
func TestOnDocker(t *testing.T) {
	needDocker(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/docker",
		RequireExplicitExec: true,
		Setup:               setup,
		Cmds:                commands,
		Deadline:            time.Now().Add(15 * time.Minute),
	})
}

// TestOnEveryRung does the same on every way to get nodes: partition, kill and pause, and a cluster that stays.
func TestOnEveryRung(t *testing.T) {
	for name, need := range map[string]func(*testing.T){"docker": needDocker, "netns": needNetns} {
		t.Run(name, func(t *testing.T) {
			need(t)
			testscript.Run(t, testscript.Params{
				Dir:                 "testdata/rungs",
				RequireExplicitExec: true,
				Setup: func(e *testscript.Env) error {
					e.Setenv("PARTITA_PROVIDER", name)
					return setup(e)
				},
				Cmds:     commands,
				Deadline: time.Now().Add(15 * time.Minute),
			})
		})
	}
}

// needDocker ends a test that no engine answers for; where one is required that is a failure.
func needDocker(t *testing.T) {
	t.Helper()
	out, err := exec.Command("docker", "version", "--format", "{{.Server.Version}}").CombinedOutput()
	if err == nil {
		return
	}
	why := "no Docker engine answers: " + strings.TrimSpace(string(out))
	if strings.Contains(os.Getenv("PARTITA_REQUIRE"), "docker") {
		t.Fatal(why)
	}
	t.Skipf("NOT RUN: %s (%s)", t.Name(), why)
}

// needNetns ends a test that needs network namespaces; where they are required that is a failure.
func needNetns(t *testing.T) {
	t.Helper()
	err := netns.Check(t.Context())
	if err == nil {
		return
	}
	if strings.Contains(os.Getenv("PARTITA_REQUIRE"), "netns") {
		t.Fatal(err)
	}
	t.Skipf("NOT RUN: %s (%v)", t.Name(), err)
}

func setup(e *testscript.Env) error {
	root, err := filepath.Abs("../..")
	if err != nil {
		return err
	}
	// Scripts have a home of their own, but share the module's binary (the agent) and the base image.
	for _, k := range []string{"PARTITA_AGENT", "PARTITA_REQUIRE", "GOPATH", "GOMODCACHE", "GOCACHE"} {
		if v := os.Getenv(k); v != "" {
			e.Setenv(k, v)
		}
	}
	e.Setenv("ROOT", root)
	state := filepath.Join(e.WorkDir, "state")
	e.Setenv("PARTITA_STATE", state)
	e.Defer(func() { removeClusters(state, e.T().Log) })
	return nil
}

// removeClusters takes down what a test that failed left up.
func removeClusters(state string, log func(...any)) {
	removeNamespaces(state, log)
	left, _ := filepath.Glob(filepath.Join(state, "clusters", "*"))
	if len(left) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	p, err := docker.New(ctx, docker.Options{State: state})
	if err != nil {
		log("clusters are left: ", left, err)
		return
	}
	for _, path := range left {
		if err := p.Down(ctx, &cluster.Cluster{ID: filepath.Base(path)}); err != nil {
			log("cluster is left: ", err)
		}
	}
	_ = p.CloseEngine()
}

func removeNamespaces(state string, log func(...any)) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	p, err := netns.New(netns.Options{State: state})
	if err != nil {
		return // no Linux: there are none
	}
	cls, err := p.Find(ctx)
	if err != nil {
		log("clusters are left: ", err)
	}
	for _, c := range cls {
		if err := p.Down(ctx, c); err != nil {
			log("cluster is left: ", err)
		}
	}
}

// commands are what scripts can do beside partita itself.
var commands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	// status N COMMAND...: the command ends with exit status N.
	"status": func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) < 2 {
			ts.Fatalf("usage: status N COMMAND...")
		}
		err := ts.Exec(args[1], args[2:]...)
		got := "0"
		if err != nil {
			got = strings.TrimPrefix(err.Error(), "exit status ")
		}
		if got != args[0] {
			ts.Fatalf("exit status %s, expected %s", got, args[0])
		}
	},
	// readenv FILE: sets K=V from a file.
	"readenv": func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) != 1 {
			ts.Fatalf("usage: readenv FILE")
		}
		k, v, ok := strings.Cut(strings.TrimSpace(ts.ReadFile(args[0])), "=")
		if !ok {
			ts.Fatalf("%s: expected K=V", args[0])
		}
		ts.Setenv(k, v)
	},
	// nothingleft ID...: no container, network, mount or state of these clusters is there.
	"nothingleft": func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) == 0 {
			ts.Fatalf("usage: nothingleft ID...")
		}
		for _, id := range args {
			for _, kind := range []string{"clusters", "netns"} {
				if _, err := os.Stat(filepath.Join(ts.Getenv("PARTITA_STATE"), kind, id)); err == nil {
					ts.Fatalf("the state of cluster %s is left", id)
				}
			}
			if ts.Getenv("PARTITA_PROVIDER") == "netns" {
				mounts, err := filepath.Glob("/proc/[0-9]*/mountinfo")
				ts.Check(err)
				for _, m := range mounts {
					if b, err := os.ReadFile(m); err == nil && strings.Contains(string(b), "/netns/"+id+"/") {
						ts.Fatalf("a process of cluster %s is left: %s", id, m)
					}
				}
				continue
			}
			for _, what := range [][]string{{"ps", "-aq"}, {"network", "ls", "-q"}} {
				out, err := exec.Command("docker", append(what, "--filter", "label=dev.partita.cluster="+id)...).CombinedOutput()
				ts.Check(err)
				if len(strings.TrimSpace(string(out))) > 0 {
					ts.Fatalf("docker %v: cluster %s is left: %s", what, id, out)
				}
			}
		}
	},
}
