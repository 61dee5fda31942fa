package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ticksPerSecond is the unit of times in /proc; Linux shows 100 to programs on every architecture Go knows.
const ticksPerSecond = 100

// process is one line of /proc/PID/stat.
type process struct {
	pid, parent, session int
	state                byte
	threads              int
	start                uint64 // ticks since the machine started; with pid it names a process for ever
}

// dead says that it only waits to be reaped. Its first thread may have ended while others go on.
func (p process) dead() bool { return ended(p.state) && p.threads <= 1 }

func ended(state byte) bool { return state == 'Z' || state == 'X' }

// parseStat reads a line of /proc/PID/stat. The command's name may hold blanks, brackets and newlines.
func parseStat(line string) (process, error) {
	open, end := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')')
	if open < 0 || end < open {
		return process{}, fmt.Errorf("read /proc stat: no command in %q", line)
	}
	f := strings.Fields(line[end+1:])
	if len(f) < 20 || len(f[0]) != 1 {
		return process{}, fmt.Errorf("read /proc stat: %d fields after the command, expected 20", len(f))
	}
	pid, e1 := strconv.Atoi(strings.TrimSpace(line[:open]))
	parent, e2 := strconv.Atoi(f[1])
	session, e3 := strconv.Atoi(f[3])
	threads, e4 := strconv.Atoi(f[17])
	start, e5 := strconv.ParseUint(f[19], 10, 64)
	return process{pid, parent, session, f[0][0], threads, start}, errors.Join(e1, e2, e3, e4, e5)
}

// readProcess reads one process; ok is false when it is not there.
func readProcess(pid int) (p process, ok bool, err error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if gone(err) {
		return process{}, false, nil
	}
	if err != nil {
		return process{}, false, fmt.Errorf("read a process: %w", err)
	}
	p, err = parseStat(string(b))
	return p, err == nil, err
}

// gone says that err is what reading a process gives that ended meanwhile.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH)
}

// processes lists all processes.
func processes() ([]process, error) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil || len(dirs) == 0 {
		return nil, fmt.Errorf("list processes: is /proc mounted? %w", errors.Join(err, fs.ErrNotExist))
	}
	var all []process
	for _, d := range dirs {
		pid, err := strconv.Atoi(filepath.Base(d))
		if err != nil {
			continue
		}
		p, ok, err := readProcess(pid)
		if err != nil {
			return nil, err
		}
		if ok {
			all = append(all, p)
		}
	}
	return all, nil
}

// family picks the living processes of a daemon: its first one, everything in the session that this one leads,
// what descends from any of them (some databases give each worker a session), and what was known before.
func family(all []process, leader process, known map[int]uint64) []process {
	in := map[int]bool{}
	for _, p := range all {
		switch {
		case p.pid == leader.pid:
			// A number that was given to another process since is not ours, nor is its session.
			if p.start != leader.start {
				return nil
			}
			in[p.pid] = true
		case p.session == leader.pid && p.start >= leader.start:
			in[p.pid] = true
		case known[p.pid] != 0 && known[p.pid] == p.start:
			in[p.pid] = true
		}
	}
	for grown := true; grown; {
		grown = false
		for _, p := range all {
			if !in[p.pid] && in[p.parent] {
				in[p.pid], grown = true, true
			}
		}
	}
	var s []process
	for _, p := range all {
		if in[p.pid] && !p.dead() {
			s = append(s, p)
		}
	}
	slices.SortFunc(s, func(a, b process) int { return a.pid - b.pid })
	return s
}

// threads gives how many threads of the processes there are and how many of them are stopped. A process that
// ended meanwhile has none.
func threads(ps []process) (all, stopped int, err error) {
	for _, p := range ps {
		paths, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/[0-9]*/stat", p.pid))
		if err != nil {
			return 0, 0, fmt.Errorf("list threads: %w", err)
		}
		for _, path := range paths {
			b, err := os.ReadFile(path)
			if gone(err) {
				continue
			}
			if err != nil {
				return 0, 0, fmt.Errorf("read a thread: %w", err)
			}
			t, err := parseStat(string(b))
			if err != nil {
				return 0, 0, err
			}
			if ended(t.state) {
				continue
			}
			all++
			if t.state == 'T' || t.state == 't' {
				stopped++
			}
		}
	}
	return all, stopped, nil
}

// age is how long ago a process began.
func age(start uint64) time.Duration {
	b, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return 0
	}
	up, _, _ := strings.Cut(string(b), " ")
	seconds, err := strconv.ParseFloat(up, 64)
	if err != nil {
		return 0
	}
	return max(0, time.Duration((seconds-float64(start)/ticksPerSecond)*float64(time.Second)))
}

// bootID names this start of the machine: times in ticks mean nothing after another.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
