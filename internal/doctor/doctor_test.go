package doctor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// fake is a machine with nothing on it: no engine, no programs but apt-get, root.
type fake struct {
	Machine
	env      map[string]string
	programs map[string]bool
	answers  bool // the engine
	image    bool
	ran      []string
	spawned  []string
	fails    string // the command, by its beginning, that fails
}

func newFake(t *testing.T) *fake {
	f := &fake{env: map[string]string{}, programs: map[string]bool{"apt-get": true}}
	down := errors.New("Cannot connect to the Docker daemon\nsecond line")
	f.Machine = Machine{
		Root: t.TempDir(), Getenv: func(k string) string { return f.env[k] },
		Look: func(name string) (string, error) {
			if f.programs[name] {
				return "/usr/sbin/" + name, nil
			}
			return "", exec.ErrNotFound
		},
		Run: func(_ context.Context, out io.Writer, args ...string) error {
			line := strings.Join(args, " ")
			f.ran = append(f.ran, line)
			if f.fails != "" && strings.HasPrefix(line, f.fails) {
				_, _ = fmt.Fprintln(out, "the mirror is on fire")
				return errors.New("exit status 100")
			}
			if strings.Contains(line, " install ") {
				for _, p := range args {
					f.programs[map[string]string{"docker.io": "dockerd"}[p]] = true
					f.programs[p] = true
				}
			}
			if strings.HasPrefix(line, "systemctl start") {
				f.answers = true
			}
			return nil
		},
		Spawn: func(_ string, args ...string) error {
			f.spawned = append(f.spawned, strings.Join(args, " "))
			f.answers = true
			return nil
		},
		Ping: func(context.Context) (string, error) {
			if f.answers {
				return "1.41", nil
			}
			return "", down
		},
		Image: func(context.Context, string) (bool, error) {
			if !f.answers {
				return false, down
			}
			return f.image, nil
		},
		Namespaces: func(context.Context) error { return errors.New("network namespaces cannot be made here") },
		Container:  func(context.Context) error { return nil },
		OpenFiles:  func() (uint64, error) { return 1 << 20, nil },
		Free:       func(string) (uint64, error) { return 10 << 30, nil },
		Every:      time.Millisecond, Wait: 200 * time.Millisecond,
	}
	return f
}

func (f *fake) file(t *testing.T, path, text string) string {
	t.Helper()
	p := filepath.Join(f.Root, path)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return p
}

func (f *fake) process(t *testing.T, pid, name, state string) {
	t.Helper()
	f.file(t, "proc/"+pid+"/stat", pid+" ("+name+") "+state+" 1 1 1 0 -1")
}

func (f *fake) fix(t *testing.T) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := f.Fix(t.Context(), &out)
	return out.String(), err
}

func TestABareMachineGetsAnEngine(t *testing.T) {
	f := newFake(t)
	out, err := f.fix(t)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"apt-get -q update", "apt-get -q install -y --no-install-recommends docker.io iptables debootstrap"}
	if !slices.Equal(f.ran, want) {
		t.Errorf("ran %q, want %q", f.ran, want)
	}
	if !slices.Equal(f.spawned, []string{"/usr/sbin/dockerd"}) {
		t.Errorf("started %q", f.spawned)
	}
	for _, say := range []string{"installing docker.io, iptables, debootstrap", "PARTITA_NO_INSTALL=1", "API 1.41"} {
		if !strings.Contains(out, say) {
			t.Errorf("%q does not say %q", out, say)
		}
	}
}

func TestOnlyWhatIsMissingIsInstalled(t *testing.T) {
	f := newFake(t)
	f.programs["dockerd"], f.programs["iptables"], f.programs["debootstrap"] = true, true, true
	if _, err := f.fix(t); err != nil || len(f.ran) > 0 || len(f.spawned) != 1 {
		t.Errorf("only the daemon was missing: ran %q, started %q, %v", f.ran, f.spawned, err)
	}
	f = newFake(t)
	f.answers, f.image = true, true
	if _, err := f.fix(t); err != nil || len(f.ran) > 0 || len(f.spawned) > 0 {
		t.Errorf("nothing was missing: ran %q, started %q, %v", f.ran, f.spawned, err)
	}
	f = newFake(t)
	f.answers = true
	if _, err := f.fix(t); err != nil || len(f.ran) != 2 || !strings.HasSuffix(f.ran[1], " debootstrap") || strings.Contains(f.ran[1], "docker.io") {
		t.Errorf("the base image was missing: ran %q, %v", f.ran, err)
	}
}

func TestInstallingCanBeForbidden(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*fake)
		says   string
	}{
		"by the user":   {func(f *fake) { f.env["PARTITA_NO_INSTALL"] = "1" }, "PARTITA_NO_INSTALL"},
		"not root":      {func(f *fake) { f.UID = 1000 }, "root"},
		"not Debian":    {func(f *fake) { delete(f.programs, "apt-get") }, "apt-get"},
		"apt-get fails": {func(f *fake) { f.fails = "apt-get -q install" }, "the mirror is on fire"},
		"engine elsewhere": {func(f *fake) {
			f.programs["debootstrap"], f.programs["dockerd"], f.programs["iptables"] = true, true, true
			f.env["DOCKER_HOST"] = "tcp://far:1"
		}, "tcp://far:1"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			tt.change(f)
			_, err := f.fix(t)
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want something about %q", err, tt.says)
			}
			if len(f.spawned) > 0 {
				t.Errorf("started %q all the same", f.spawned)
			}
		})
	}
}

// A pid file from before a crash names whoever has that number now, or a zombie.
func TestStalePidFilesDoNotKeepTheEngineDown(t *testing.T) {
	for name, prepare := range map[string]func(*fake){
		"somebody else":  func(f *fake) { f.process(t, "77", "postgres", "S") },
		"a zombie":       func(f *fake) { f.process(t, "77", "dockerd", "Z") },
		"nobody":         func(*fake) {},
		"hostile a name": func(f *fake) { f.process(t, "77", "a) S (dockerd", "S") },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.programs["dockerd"], f.programs["iptables"], f.programs["debootstrap"] = true, true, true
			prepare(f)
			a, b := f.file(t, dockerPid, "77"), f.file(t, containerdPid, "77\n")
			if _, err := f.fix(t); err != nil {
				t.Fatal(err)
			}
			for _, p := range []string{a, b} {
				if _, err := os.Stat(p); err == nil {
					t.Errorf("%s is still there", p)
				}
			}
			if len(f.spawned) != 1 {
				t.Errorf("started %q", f.spawned)
			}
		})
	}
	t.Run("garbage", func(t *testing.T) {
		f := newFake(t)
		f.programs["dockerd"], f.programs["iptables"], f.programs["debootstrap"] = true, true, true
		p := f.file(t, dockerPid, "../../etc")
		if _, err := f.fix(t); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(p); err == nil {
			t.Error("still there")
		}
	})
	t.Run("the containerd of a dockerd that died goes on", func(t *testing.T) {
		f := newFake(t)
		f.programs["dockerd"], f.programs["iptables"], f.programs["debootstrap"] = true, true, true
		f.process(t, "78", "containerd", "S")
		p := f.file(t, containerdPid, "78")
		if _, err := f.fix(t); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(p); err != nil {
			t.Error("its pid file is gone, and a second one would start beside it")
		}
	})
}

func TestARunningEngineIsWaitedForAndNotDoubled(t *testing.T) {
	f := newFake(t)
	f.programs["dockerd"], f.programs["iptables"], f.programs["debootstrap"] = true, true, true
	f.process(t, "77", "dockerd", "S")
	f.file(t, dockerLog, "one\ntwo\nthe disk is full\n")
	_, err := f.fix(t)
	if err == nil || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("got %v, want the end of its log", err)
	}
	if len(f.spawned) > 0 {
		t.Errorf("started another: %q", f.spawned)
	}
}

func TestSystemdStartsItWhereSystemdRuns(t *testing.T) {
	f := newFake(t)
	f.programs["dockerd"], f.programs["iptables"], f.programs["debootstrap"] = true, true, true
	f.file(t, "run/systemd/system/x", "")
	if _, err := f.fix(t); err != nil || !slices.Equal(f.ran, []string{"systemctl start docker"}) || len(f.spawned) > 0 {
		t.Errorf("ran %q, started %q, %v", f.ran, f.spawned, err)
	}
}

func TestEveryFindingThatIsWrongSaysWhatToDo(t *testing.T) {
	bare := newFake(t)
	bare.Free = func(string) (uint64, error) { return 1 << 20, nil }
	user := newFake(t)
	user.UID = 1000
	deaf := newFake(t)
	deaf.answers, deaf.image, deaf.programs["iptables"], deaf.programs["ip6tables"], deaf.fails = true, true, true, true, "ip6tables"
	for name, tt := range map[string]struct {
		f   *fake
		bad []string
	}{
		"bare":    {bare, []string{"disk", "iptables", "docker", "base image", "namespaces"}},
		"user":    {user, []string{"root", "iptables", "docker", "base image", "namespaces"}},
		"no IPv6": {deaf, []string{"iptables", "namespaces"}},
	} {
		t.Run(name, func(t *testing.T) {
			tt.f.programs["go"] = true
			var bad []string
			for _, x := range tt.f.Check(t.Context()) {
				if !x.OK {
					bad = append(bad, x.Name)
				}
				if x.Detail == "" || x.OK != (x.Fix == "") {
					t.Errorf("%+v", x)
				}
				if strings.Contains(x.Detail, "\n") {
					t.Errorf("%s: more than a line: %q", x.Name, x.Detail)
				}
			}
			if !slices.Equal(bad, tt.bad) {
				t.Errorf("wrong are %q, want %q", bad, tt.bad)
			}
		})
	}
}

// The real machine can be asked, whatever it is.
func TestHereAnswers(t *testing.T) {
	if fs := Check(t.Context()); len(fs) < 11 {
		t.Errorf("%d findings", len(fs))
	}
}

func TestASpawnedDaemonKeepsNothingOfOurs(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	if err := spawn(log, "sh", "-c", `readlink /proc/self/fd/0 /proc/self/fd/1; ps -o pid=,sid= -p $$; echo end`); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(30 * time.Second)
	for {
		b, err := os.ReadFile(log)
		if err == nil && strings.HasSuffix(string(b), "end\n") {
			f := strings.Fields(string(b))
			if len(f) != 5 || f[0] != os.DevNull || f[1] != log || f[2] != f[3] {
				t.Errorf("streams and session: %q", f)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("log: %q, %v", b, err)
		}
		<-time.After(20 * time.Millisecond)
	}
}
