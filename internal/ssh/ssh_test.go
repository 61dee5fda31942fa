package ssh_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/internal/ssh"
	"github.com/partita-dev/partita/internal/ssh/sshtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func key(t testing.TB) ssh.Key {
	t.Helper()
	k, err := ssh.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// login starts a server and logs in to it as node n1.
func login(t testing.TB, change func(*ssh.Config)) (*ssh.Client, *sshtest.Server) {
	t.Helper()
	user, host := key(t), key(t)
	srv := sshtest.Start(t, host.Signer, user.Signer.PublicKey())
	cfg := ssh.Config{Node: "n1", Addr: srv.Addr, Signer: user.Signer, HostKey: host.Signer.PublicKey()}
	if change != nil {
		change(&cfg)
	}
	c, err := ssh.Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, srv
}

func soon(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestACommandSaysWhatItPrinted(t *testing.T) {
	c, _ := login(t, nil)
	out, err := c.Exec(soon(t, time.Minute), cluster.Cmd{Args: []string{"sh", "-c", "cat; echo oops >&2"}, Stdin: strings.NewReader("hello")})
	if err != nil || string(out.Stdout) != "hello" || string(out.Stderr) != "oops\n" {
		t.Fatalf("got %q %q %v", out.Stdout, out.Stderr, err)
	}
}

func TestAFailingCommandNamesNodeCommandStatusAndStderr(t *testing.T) {
	c, _ := login(t, nil)
	_, err := c.Exec(soon(t, time.Minute), cluster.Cmd{Args: []string{"sh", "-c", "echo no such luck >&2; exit 7"}})
	var exit *cluster.ExitError
	if !errors.As(err, &exit) || exit.Status != 7 || exit.Node != "n1" || exit.Stderr != "no such luck" {
		t.Fatalf("got %#v", err)
	}
	_, err = c.Exec(soon(t, time.Minute), cluster.Cmd{Args: []string{"sh", "-c", "kill -9 $$"}})
	if !errors.As(err, &exit) || exit.Status != 137 {
		t.Fatalf("killed by a signal: got %#v", err)
	}
}

// What arrives as the argument list is what was sent, whatever is in it.
func TestArgumentsArriveAsTheyAre(t *testing.T) {
	c, _ := login(t, nil)
	rapid.Check(t, func(t *rapid.T) {
		arg := rapid.OneOf(rapid.String(), rapid.StringMatching(`[ -~]{0,20}`), rapid.SampledFrom([]string{"", "'", "$(id)", "`id`", "a b", "\\", "\n", "*", "~", "-n", "'\\''", "\xff\xfe", "!!", "#"}))
		args := rapid.SliceOfN(arg, 1, 6).Filter(func(a []string) bool { return !strings.ContainsRune(strings.Join(a, ""), 0) }).Draw(t, "args")
		out, err := c.Exec(context.Background(), cluster.Cmd{Args: append([]string{"printf", `%s\0`}, args...)})
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Split(strings.TrimSuffix(string(out.Stdout), "\x00"), "\x00")
		if !slices.Equal(got, args) {
			t.Fatalf("sent %q, arrived %q", args, got)
		}
	})
}

func TestACommandIsNeverAKeywordOrAnAssignment(t *testing.T) {
	c, _ := login(t, nil)
	for _, args := range [][]string{{"A=b"}, {"if"}, {"{"}} {
		_, err := c.Exec(soon(t, time.Minute), cluster.Cmd{Args: args})
		var exit *cluster.ExitError
		if !errors.As(err, &exit) || exit.Status != 127 {
			t.Errorf("%q: got %v, want status 127 (no such command)", args, err)
		}
	}
	for _, args := range [][]string{nil, {""}, {"echo", "a\x00b"}} {
		if _, err := c.Exec(soon(t, time.Minute), cluster.Cmd{Args: args}); err == nil {
			t.Errorf("%q was run", args)
		}
	}
}

func TestOutputIsBoundedAndItsEndIsKept(t *testing.T) {
	c, _ := login(t, nil)
	script := `i=0; while [ $i -lt 3000 ]; do echo "line $i"; i=$((i+1)); done; echo last`
	out, err := c.Exec(soon(t, time.Minute), cluster.Cmd{Args: []string{"sh", "-c", script}, Limit: 100})
	if err != nil || len(out.Stdout) != 100 || !strings.HasSuffix(string(out.Stdout), "line 2999\nlast\n") {
		t.Fatalf("got %d bytes %q, %v", len(out.Stdout), out.Stdout, err)
	}
}

func TestADeadlineKillsTheCommand(t *testing.T) {
	c, _ := login(t, nil)
	mark := filepath.Join(t.TempDir(), "still-there")
	begin := time.Now()
	_, err := c.Exec(soon(t, 300*time.Millisecond), cluster.Cmd{Args: []string{"sh", "-c", `sleep 3; touch "$1"`, "x", mark}})
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "n1: sh -c") {
		t.Fatalf("got %v", err)
	}
	if d := time.Since(begin); d > 2*time.Second {
		t.Fatalf("came back after %v", d)
	}
	// The connection goes on, and by the time the command would have written the file it was killed.
	if _, err := c.Exec(soon(t, time.Minute), cluster.Cmd{Args: []string{"sleep", "3.2"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(mark); err == nil {
		t.Fatal("the command outlived its deadline")
	}
}

func TestAHungServerIsNoticed(t *testing.T) {
	c, srv := login(t, func(c *ssh.Config) { c.KeepAlive, c.Silence = 50*time.Millisecond, 300*time.Millisecond })
	srv.Hang()
	begin := time.Now()
	_, err := c.Exec(soon(t, time.Minute), cluster.Cmd{Args: []string{"true"}})
	if !errors.Is(err, ssh.ErrLost) || !strings.Contains(err.Error(), "n1") {
		t.Fatalf("got %v", err)
	}
	if d := time.Since(begin); d > 20*time.Second {
		t.Fatalf("noticed after %v", d)
	}
	<-c.Lost()
}

func TestAHungServerKeepsNoCallPastItsDeadline(t *testing.T) {
	c, srv := login(t, nil)
	srv.Hang()
	if _, err := c.Exec(soon(t, 200*time.Millisecond), cluster.Cmd{Args: []string{"true"}}); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("exec: got %v", err)
	}
	if _, err := c.Pipe(soon(t, 200*time.Millisecond), []string{"cat"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("pipe: got %v", err)
	}
}

func TestABrokenConnectionIsLost(t *testing.T) {
	c, srv := login(t, nil)
	go func() { time.AfterFunc(200*time.Millisecond, srv.Break) }()
	_, err := c.Exec(soon(t, time.Minute), cluster.Cmd{Args: []string{"sleep", "60"}})
	if !errors.Is(err, ssh.ErrLost) {
		t.Fatalf("got %v", err)
	}
	if _, err := c.Exec(soon(t, time.Minute), cluster.Cmd{Args: []string{"true"}}); !errors.Is(err, ssh.ErrLost) {
		t.Fatalf("afterwards: got %v", err)
	}
}

func TestLoginErrorsAreSentences(t *testing.T) {
	user, host, other := key(t), key(t), key(t)
	srv := sshtest.Start(t, host.Signer, user.Signer.PublicKey())
	good := ssh.Config{Node: "n2", Addr: srv.Addr, Signer: user.Signer, HostKey: host.Signer.PublicKey(), Timeout: 500 * time.Millisecond}

	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()

	for _, tt := range []struct {
		name   string
		change func(*ssh.Config)
		is     error
		says   []string
	}{
		{"wrong user key", func(c *ssh.Config) { c.Signer = other.Signer; c.Timeout = 0 }, ssh.ErrKey, []string{"n2", srv.Addr, "root", "authorized_keys"}},
		{"wrong host key", func(c *ssh.Config) { c.HostKey = other.Signer.PublicKey(); c.Timeout = 0 }, ssh.ErrHostKey, []string{"n2", srv.Addr, "check it"}},
		{"nobody listens", func(c *ssh.Config) { c.Addr = closed.Addr().String() }, ssh.ErrUnreachable, []string{"n2", "refused", "is the node up"}},
		{"listens and is silent", func(c *ssh.Config) { c.Addr = silent.Addr().String() }, ssh.ErrUnreachable, []string{"n2", "no login within the time"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := good
			tt.change(&cfg)
			c, err := ssh.Dial(t.Context(), cfg)
			if err == nil {
				_ = c.Close()
				t.Fatal("logged in")
			}
			if !errors.Is(err, tt.is) {
				t.Errorf("got %v, want %v", err, tt.is)
			}
			for _, s := range tt.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%q does not say %q", err, s)
				}
			}
		})
	}
	t.Run("nothing pinned", func(t *testing.T) {
		cfg := good
		cfg.HostKey = nil
		if _, err := ssh.Dial(t.Context(), cfg); err == nil {
			t.Fatal("logged in without a pinned host key")
		}
	})
}

func TestFilesGoThereAndBack(t *testing.T) {
	c, _ := login(t, nil)
	file := filepath.Join(t.TempDir(), "new folder", "it's a file")
	data := bytes.Repeat([]byte("0123456789\x00\xff"), 100_000)
	if err := c.Put(soon(t, time.Minute), file, bytes.NewReader(data), 0o640); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(file); err != nil || st.Mode().Perm() != 0o640 {
		t.Fatalf("mode %v, %v", st.Mode(), err)
	}
	var got bytes.Buffer
	if err := c.Get(soon(t, time.Minute), file, &got, 0); err != nil || !bytes.Equal(got.Bytes(), data) {
		t.Fatalf("got %d bytes, %v", got.Len(), err)
	}
	got.Reset()
	if err := c.Get(soon(t, time.Minute), file, &got, 5); err != nil || !bytes.Equal(got.Bytes(), data[len(data)-5:]) {
		t.Fatalf("the end: got %q, %v", got.Bytes(), err)
	}
	if err := c.Get(soon(t, time.Minute), file+".none", io.Discard, 0); err == nil || !strings.Contains(err.Error(), "n1") {
		t.Fatalf("a file that is not there: got %v", err)
	}
	if err := c.Put(soon(t, time.Minute), "/tmp/", nil, 0o600); err == nil {
		t.Fatal("wrote a folder")
	}
}

// A source that fails half-way must leave the old file, and nothing beside it.
func TestAHalfFileNeverTakesTheName(t *testing.T) {
	c, _ := login(t, nil)
	dir := t.TempDir()
	file := filepath.Join(dir, "conf")
	if err := c.Put(soon(t, time.Minute), file, strings.NewReader("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("disk on fire")
	err := c.Put(soon(t, time.Minute), file, io.MultiReader(strings.NewReader("ne"), iotest.ErrReader(broken)), 0o600)
	if !errors.Is(err, broken) {
		t.Fatalf("got %v", err)
	}
	if b, _ := os.ReadFile(file); string(b) != "old" {
		t.Fatalf("the file is %q now", b)
	}
	if es, _ := os.ReadDir(dir); len(es) != 1 {
		t.Fatalf("left behind: %v", es)
	}
}

func TestAPipeTalksBothWays(t *testing.T) {
	c, _ := login(t, nil)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	p, err := c.Pipe(ctx, []string{"cat"})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"ping\n", "pong\n"} {
		if _, err := io.WriteString(p, want); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, len(want))
		if _, err := io.ReadFull(p, b); err != nil || string(b) != want {
			t.Fatalf("got %q, %v", b, err)
		}
	}
	cancel()             // the pipe ends with its context
	_, _ = io.ReadAll(p) // comes to an end; whether cat was told so before it was killed is a race
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	p, err = c.Pipe(soon(t, time.Minute), []string{"sh", "-c", "echo gone wrong >&2; exit 3"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	var exit *cluster.ExitError
	if _, err := io.ReadAll(p); !errors.As(err, &exit) || exit.Status != 3 || exit.Stderr != "gone wrong" {
		t.Fatalf("a command that failed: got %v", err)
	}
}

func TestManyCommandsShareAConnection(t *testing.T) {
	c, _ := login(t, nil)
	errs := make(chan error, 20)
	for range cap(errs) {
		go func() {
			_, err := c.Exec(context.Background(), cluster.Cmd{Args: []string{"true"}})
			errs <- err
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}
