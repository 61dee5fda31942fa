package torture

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestOtherEndsInMemory is what happens to a controller without its being killed.
func TestOtherEndsInMemory(t *testing.T) {
	t.Run("the disk is full", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		if err := unix.Mount("partita-torture", dir, "tmpfs", 0, "size=1m"); err != nil {
			notRun(t, "root", fmt.Sprintf("mount a small file system: %v", err))
		}
		t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
		k := kill(t, dir, "full", 1, nil)
		k.became(t, "the disk is full", "exit status 3", "no space left on device", "make room", "--store")
	})
	t.Run("a checker is killed", func(t *testing.T) {
		t.Parallel()
		k := kill(t, memoryDir(t), "sleepy", 2, func(_ *exec.Cmd, _, mark string) int64 {
			for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); pause(2 * time.Millisecond) {
				for _, p := range marked(mark) {
					if pid, line, _ := strings.Cut(p, " "); strings.Contains(line, "check-child") {
						if n, err := strconv.Atoi(pid); err == nil && syscall.Kill(n, syscall.SIGKILL) == nil {
							return 0
						}
					}
				}
			}
			return 0
		})
		k.became(t, "kill -9 of the checkers' process", "exit status 2", "unknown", "signal: killed")
	})
	t.Run("the controller is killed while a checker is at work", func(t *testing.T) {
		t.Parallel()
		k := kill(t, memoryDir(t), "sleepy", 4, func(c *exec.Cmd, _, mark string) int64 {
			for deadline := time.Now().Add(time.Minute); len(marked(mark)) < 2 && time.Now().Before(deadline); {
				pause(10 * time.Millisecond)
			}
			when := monotonic()
			_ = c.Process.Kill()
			return when
		})
		k.became(t, "kill -9 of the controller while a checker is at work", "signal: killed")
	})
	t.Run("a client ignores its context", func(t *testing.T) {
		t.Parallel()
		k := kill(t, memoryDir(t), "deaf", 3, nil)
		k.became(t, "a client ignores its context", "exit status 0", "valid")
		b, err := os.ReadFile(k.folder + "/controller.log")
		if err != nil || !strings.Contains(string(b), "a client was abandoned") {
			t.Errorf("no client was abandoned: %v", err)
		}
	})
}

// became asks how a controller ended, and adds its row.
func (k *killed) became(t *testing.T, what, status string, words ...string) {
	t.Helper()
	if k.status != status {
		t.Errorf("it ended with %s, not %s", k.status, status)
	}
	says(t, k.output, words...)
	if len(k.wrong) > 0 || k.lost > 0 || len(k.left) > 0 {
		t.Errorf("%d bytes lost, left %v, wrong: %v", k.lost, k.left, k.wrong)
	}
	table.add(row{what: what, times: 1, lost: k.lost, left: len(k.left), status: k.status, failed: t.Failed()})
}
