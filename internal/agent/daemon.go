package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/partita-dev/partita/cluster"
)

// record is what is known of a daemon, in memory and in DIR/daemons/NAME.json, so that an agent that was started
// anew finds the daemons of the one before.
type record struct {
	Daemon  cluster.Daemon `json:"daemon"`
	PID     int            `json:"pid"`
	Start   uint64         `json:"start"` // ticks, as /proc/PID/stat has it
	Boot    string         `json:"boot"`
	Started time.Time      `json:"started"`
	Asked   bool           `json:"asked"`          // a signal of ours was to end it
	Exit    string         `json:"exit,omitempty"` // how it ended, once it has
}

// supervised is one daemon.
type supervised struct {
	mu     sync.Mutex // one start or signal at a time
	record record
	child  chan struct{} // closed when our own child was reaped; nil for one that an earlier agent started
}

// daemons starts the node's daemons, signals them and knows how they ended.
type daemons struct {
	dir string
	log *slog.Logger

	mu  sync.Mutex
	all map[string]*supervised
}

// newDaemons finds the daemons that an earlier agent recorded in dir.
func newDaemons(dir string, log *slog.Logger) (*daemons, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the daemons' folder: %w", err)
	}
	d := &daemons{dir: dir, log: log, all: map[string]*supervised{}}
	paths, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, fmt.Errorf("list the daemons' files: %w", err)
	}
	for _, path := range paths {
		var r record
		b, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(b, &r)
		}
		if err == nil {
			err = cluster.CheckName("daemon", r.Daemon.Name)
		}
		if err != nil {
			log.Error("read a daemon's file: it is passed over", "path", path, "err", err)
			continue
		}
		if r.Boot != bootID() {
			r.PID, r.Exit = 0, "the machine was started anew"
		}
		d.all[r.Daemon.Name] = &supervised{record: r}
	}
	return d, nil
}

func (d *daemons) get(name string) (*supervised, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, ok := d.all[name]
	return s, ok
}

// start starts a daemon in a session of its own; that it runs already is no error.
func (d *daemons) start(ctx context.Context, spec cluster.Daemon) error {
	if err := checkDaemon(spec); err != nil {
		return err
	}
	d.mu.Lock()
	s := d.all[spec.Name]
	if s == nil {
		s = &supervised{record: record{Daemon: spec}}
		d.all[spec.Name] = s
	}
	d.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	alive, err := s.alive(nil)
	switch {
	case err != nil:
		return err
	case len(alive) > 0 && alive[0].pid == s.record.PID:
		return nil
	case len(alive) > 0:
		return fmt.Errorf("start %s: its first process is gone, but others that it started still run (%v): kill it before", spec.Name, pids(alive))
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return d.launch(s, spec)
}

// launch starts the process; s.mu is held.
func (d *daemons) launch(s *supervised, spec cluster.Daemon) error {
	path := spec.Log
	if path == "" {
		path = filepath.Join(d.dir, spec.Name+".log")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("start %s: make its log's folder: %w", spec.Name, err)
	}
	out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("start %s: open its log: %w", spec.Name, err)
	}
	defer func() { _ = out.Close() }()
	c := exec.Command(spec.Args[0], spec.Args[1:]...)
	c.Dir, c.Stdout, c.Stderr = spec.Dir, out, out
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	c.Env = os.Environ()
	if spec.User != "" {
		cred, env, err := credential(spec.User)
		if err != nil {
			return fmt.Errorf("start %s: %w", spec.Name, err)
		}
		c.SysProcAttr.Credential = cred
		c.Env = append(c.Env, env...)
	}
	for _, k := range slices.Sorted(maps.Keys(spec.Env)) {
		c.Env = append(c.Env, k+"="+spec.Env[k])
	}
	if err := c.Start(); err != nil {
		return fmt.Errorf("start %s: %w", spec.Name, err)
	}
	child := make(chan struct{})
	p, _, err := readProcess(c.Process.Pid) // it is there, if only as a zombie: nobody has reaped it
	d.mu.Lock()
	s.record = record{Daemon: spec, PID: c.Process.Pid, Start: p.start, Boot: bootID(), Started: time.Now()}
	s.child = child
	d.mu.Unlock()
	go func() {
		defer close(child)
		exit := "exit status 0"
		if err := c.Wait(); err != nil {
			exit = err.Error()
		}
		s.ended(d, child, exit)
	}()
	if err == nil {
		err = d.save(s)
	}
	if err != nil {
		return fmt.Errorf("start %s: keep it in a file: %w", spec.Name, err)
	}
	d.log.Info("started", "daemon", spec.Name, "pid", s.record.PID)
	return nil
}

// ended notes how our child ended. It must not wait for a signal in progress, which waits for the end.
func (s *supervised) ended(d *daemons, child chan struct{}, exit string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s.child != child {
		return
	}
	s.record.Exit = exit
	d.log.Info("ended", "daemon", s.record.Daemon.Name, "exit", exit, "asked", s.record.Asked)
	if err := d.write(s.record); err != nil {
		d.log.Error("keep a daemon in a file", "err", err)
	}
}

func (d *daemons) save(s *supervised) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.write(s.record)
}

func (d *daemons) write(r record) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(d.dir, r.Daemon.Name+".json"), b)
}

func checkDaemon(spec cluster.Daemon) error {
	if err := cluster.CheckName("daemon", spec.Name); err != nil {
		return bad("%v", err)
	}
	if len(spec.Args) == 0 || spec.Args[0] == "" {
		return bad("start %s: it has no command", spec.Name)
	}
	for _, path := range []string{spec.Dir, spec.Log} {
		if path != "" && !filepath.IsAbs(path) {
			return bad("start %s: %q is no absolute path", spec.Name, path)
		}
	}
	for k := range spec.Env {
		if k == "" || strings.ContainsAny(k, "=\x00") {
			return bad("start %s: %q is no name of a variable", spec.Name, k)
		}
	}
	return nil
}

// credential looks up a user of the node, and what a login would put in the environment.
func credential(name string) (*syscall.Credential, []string, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return nil, nil, fmt.Errorf("look up the user %s: %w", name, err)
	}
	groups, err := u.GroupIds()
	if err != nil {
		return nil, nil, fmt.Errorf("look up the groups of %s: %w", name, err)
	}
	var ids []uint32
	for _, s := range append([]string{u.Uid, u.Gid}, groups...) {
		id, err := strconv.ParseUint(s, 10, 32)
		if err != nil {
			return nil, nil, fmt.Errorf("look up the user %s: %q is no number of a user or group", name, s)
		}
		ids = append(ids, uint32(id))
	}
	env := []string{"USER=" + name, "LOGNAME=" + name, "HOME=" + u.HomeDir}
	return &syscall.Credential{Uid: ids[0], Gid: ids[1], Groups: ids[2:]}, env, nil
}

// status says how a daemon is. One that was never started does not run.
func (d *daemons) status(name string) (cluster.Process, error) {
	if err := cluster.CheckName("daemon", name); err != nil {
		return cluster.Process{}, bad("%v", err)
	}
	s, ok := d.get(name)
	if !ok {
		return cluster.Process{Name: name}, nil
	}
	d.mu.Lock()
	r, child := s.record, s.child
	d.mu.Unlock()
	p := cluster.Process{Name: name, Started: r.Started}
	alive, err := (&supervised{record: r}).alive(nil)
	if err != nil {
		return p, err
	}
	if len(alive) > 0 {
		all, stopped, err := threads(alive)
		p.Running, p.Paused, p.Pids, p.Age = true, all > 0 && all == stopped, pids(alive), age(r.Start)
		return p, err
	}
	p.Asked, p.Exit = r.Asked, r.Exit
	if p.Exit == "" && child == nil && r.PID != 0 {
		p.Exit = "unknown: the agent was started anew meanwhile"
	}
	return p, nil
}

func pids(ps []process) []int {
	s := make([]int, len(ps))
	for i, p := range ps {
		s[i] = p.pid
	}
	return s
}

// resume lets every daemon go on that is stopped.
func (d *daemons) resume(ctx context.Context) error {
	d.mu.Lock()
	names := slices.Sorted(maps.Keys(d.all))
	d.mu.Unlock()
	var errs []error
	for _, name := range names {
		errs = append(errs, d.signal(ctx, name, cluster.SigCont))
	}
	return errors.Join(errs...)
}

// paused says whether some daemon is stopped.
func (d *daemons) paused() bool {
	d.mu.Lock()
	names := slices.Sorted(maps.Keys(d.all))
	d.mu.Unlock()
	return slices.ContainsFunc(names, func(name string) bool {
		p, err := d.status(name)
		return p.Paused || err != nil
	})
}
