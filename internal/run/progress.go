package run

import (
	"sync"
	"time"

	"github.com/partita-dev/partita/internal/sched"
	"github.com/partita-dev/partita/nemesis"
)

// progress tells whoever watches how far the run is.
type progress struct {
	cfg  Config
	done chan struct{}

	telling sync.Mutex

	mu    sync.Mutex
	now   Progress
	began time.Time // of the phase
	sched *sched.Scheduler
	nem   *nemesis.Runner
	wg    sync.WaitGroup
}

func newProgress(cfg Config, dir string) *progress {
	p := &progress{cfg: cfg, done: make(chan struct{}), now: Progress{Dir: dir}}
	if cfg.Progress == nil {
		return p
	}
	p.wg.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-p.done:
				return
			case <-tick.C:
				p.tell()
			}
		}
	})
	return p
}

func (p *progress) close() {
	close(p.done)
	p.wg.Wait()
}

func (p *progress) phase(name string) {
	p.mu.Lock()
	p.now.Phase, p.now.Detail, p.began = name, "", time.Now()
	p.mu.Unlock()
	p.tell()
}

func (p *progress) detail(s string) {
	p.mu.Lock()
	p.now.Detail = s
	p.mu.Unlock()
	p.tell()
}

// cluster says which cluster is there, "" for none.
func (p *progress) cluster(id string) {
	p.mu.Lock()
	p.now.Cluster = id
	p.mu.Unlock()
	p.tell()
}

func (p *progress) watch(s *sched.Scheduler, n *nemesis.Runner) {
	p.mu.Lock()
	p.sched, p.nem = s, n
	p.mu.Unlock()
}

func (p *progress) tell() {
	if p.cfg.Progress == nil {
		return
	}
	p.telling.Lock() // whoever watches hears one thing at a time, in order
	defer p.telling.Unlock()
	p.mu.Lock()
	now := p.now
	if now.Phase == "" { // nothing has begun
		p.mu.Unlock()
		return
	}
	if now.Phase == "main" {
		now.Left = max(0, p.cfg.TimeLimit-time.Since(p.began))
	}
	if p.sched != nil {
		c := p.sched.Counts()
		now.OK, now.Fail, now.Info = c.OK, c.Fail, c.Info
		now.Observed = true
		for _, w := range p.nem.Windows() {
			if w.Commanded.From.Happened() && !w.Recovered.Happened() {
				now.Faults = append(now.Faults, w.Fault)
				now.Observed = now.Observed && w.Observed.From.Happened()
			}
		}
	}
	p.mu.Unlock()
	p.cfg.Progress(now)
}
