package doctor

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/partita-dev/partita/cluster"
)

// able is a machine of an ordinary user without an engine, where namespaces can be made.
func able(t *testing.T) *fake {
	f := newFake(t)
	f.UID, f.programs["go"] = 1000, true
	f.Namespaces = func(context.Context) error { return nil }
	return f
}

func TestAnOrdinaryUserNeedsNoEngineWhereNamespacesCanBeMade(t *testing.T) {
	f := able(t)
	out, err := f.fix(t)
	if err != nil || len(f.ran) > 0 || len(f.spawned) > 0 || !strings.Contains(out, "netns") {
		t.Fatalf("%v, ran %q, said %q", err, f.ran, out)
	}
	v := Judge(f.Check(t.Context()), nil)
	if !v.OK() || !slices.Equal(v.Works, []string{Netns}) {
		t.Fatalf("%+v", v)
	}
}

func TestWhoRequiresDockerIsNotSatisfiedWithNamespaces(t *testing.T) {
	for _, name := range []string{"PARTITA_REQUIRE", "PARTITA_PROVIDER"} {
		f := able(t)
		f.env[name] = "docker"
		if out, err := f.fix(t); err == nil {
			t.Errorf("%s: no error, said %q", name, out)
		}
		if v := Judge(f.Check(t.Context()), Required(f.Getenv)); v.OK() || !slices.Equal(v.Missing, []string{Docker}) {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

func TestWhoAsksForNamespacesGetsNoEngine(t *testing.T) {
	f := newFake(t)
	f.env["PARTITA_PROVIDER"] = "netns"
	f.Namespaces = func(context.Context) error {
		if f.programs["iptables"] {
			return nil
		}
		return errors.New("no iptables")
	}
	if _, err := f.fix(t); err != nil || f.programs["dockerd"] || !f.programs["iptables"] {
		t.Fatalf("%v, ran %q", err, f.ran)
	}
}

func TestNothingWorksWithoutWhatEveryRungNeeds(t *testing.T) {
	f := able(t)
	f.file(t, "proc/meminfo", "MemTotal: 2 kB\nMemAvailable:     1000 kB\n")
	fs := f.Check(t.Context())
	if v := Judge(fs, nil); v.OK() || v.Common {
		t.Fatalf("%+v", v)
	}
	for name, wrong := range map[string]func(*fake) string{
		"ulimit": func(f *fake) string { f.OpenFiles = func() (uint64, error) { return 256, nil }; return "ulimit" },
		"inotify": func(f *fake) string {
			f.file(t, "proc/sys/fs/inotify/max_user_instances", "8\n")
			return "inotify"
		},
		"no databases": func(f *fake) string {
			f.Programs, f.env["PARTITA_NO_INSTALL"] = []cluster.Program{{Name: "etcd", Package: "etcd-server"}}, "1"
			return "databases"
		},
		"no rules in containers": func(f *fake) string {
			f.answers, f.image = true, true
			f.Container = func(context.Context) error { return errors.New("permission denied") }
			return "container"
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := able(t)
			what := wrong(f)
			fs := f.Check(t.Context())
			i := slices.IndexFunc(fs, func(x Finding) bool { return x.Name == what })
			if i < 0 || fs[i].OK || fs[i].Fix == "" {
				t.Errorf("%+v", fs)
			}
		})
	}
}
