package torture

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// markEnv is in the environment of every process that a tortured program starts, so that those left can be found.
const markEnv = "PARTITA_TORTURE_MARK"

// self is this binary.
func self(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exe
}

// memoryDir is a folder in memory where there is one: an fsync that waits for a busy disk is not what is tested.
func memoryDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "partita-torture-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// ended says how a process ended.
func ended(err error) string {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return "exit status 0"
	case errors.As(err, &exit):
		return exit.String()
	}
	return err.Error()
}

// left waits until no process with the mark is there, and lists those that stay.
func left(t *testing.T, mark string) []string {
	t.Helper()
	var found []string
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		if found = marked(mark); len(found) == 0 {
			return nil
		}
		pause(20 * time.Millisecond)
	}
	return found
}

// pause is between two looks at something that changes by itself.
func pause(d time.Duration) { <-time.After(d) }

// marked lists processes with the mark in their environment.
func marked(mark string) []string {
	envs, _ := filepath.Glob("/proc/[0-9]*/environ")
	var found []string
	for _, path := range envs {
		b, err := os.ReadFile(path)
		if err == nil && bytes.Contains(b, []byte(markEnv+"="+mark+"\x00")) {
			line, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
			found = append(found, filepath.Base(filepath.Dir(path))+" "+strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}

// files lists what is in a folder.
func files(t *testing.T, dir string) []string {
	t.Helper()
	es, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range es {
		names = append(names, filepath.Join(dir, e.Name()))
	}
	return names
}
