package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/partita-dev/partita/cluster"
)

const (
	// maxRounds is how many rounds are remembered: a certificate asks at once, so that few are enough.
	maxRounds = 256
	// maxSenders bounds the senders of one round.
	maxSenders = 64
	// maxWait is how long an answer to heard may be waited for.
	maxWait = 5 * time.Second
	// barrierLimit is how long the hearer may need for what is already in its socket's queue.
	barrierLimit = 2 * time.Second
)

// ListenRequest announces a round to the hearing side. Only announced rounds are counted, so that foreign packets
// cost no memory and a silence is always the silence of somebody who listened.
type ListenRequest struct {
	Cluster string   `json:"cluster"`
	Round   string   `json:"round"` // unique in the cluster
	From    []string `json:"from"`  // the senders
}

// HeardRequest asks what came of a round.
type HeardRequest struct {
	Cluster  string         `json:"cluster"`
	Round    string         `json:"round"`
	Families []string       `json:"families"`       // that somebody sent over
	Want     map[string]int `json:"want,omitempty"` // how many were sent, by sender; the answer comes when all arrived …
	Wait     time.Duration  `json:"wait,omitempty"` // … or after this time (ns, at most 5 s)
}

// Heard is how many distinct numbers came from one sender over one flow.
type Heard struct {
	From   string `json:"from"`
	Family string `json:"family"`
	Kind   string `json:"kind"`
	Count  int    `json:"count"`
}

type heardAnswer struct {
	Heard []Heard `json:"heard"`
}

type flowKey struct{ from, family, kind string }

type round struct {
	from []string
	got  map[flowKey]map[int]struct{}
	more chan struct{} // closed and replaced when something came
}

// hearer receives probes and counts them.
type hearer struct {
	name  string
	log   *slog.Logger
	udp   map[string]*net.UDPConn // by family
	tcp   []net.Listener
	wg    sync.WaitGroup
	nonce atomic.Uint64

	mu       sync.Mutex
	rounds   map[[2]string]*round
	order    [][2]string
	broken   map[string]error // a family's socket that does not listen any more
	barriers map[string]chan struct{}
}

// newHearer listens on port on all addresses, UDP and (to be connected to) TCP, over IPv4 and what else there is.
func newHearer(ctx context.Context, name string, port int, ipv6 bool, log *slog.Logger) (*hearer, error) {
	h := &hearer{
		name: name, log: log,
		udp:      map[string]*net.UDPConn{},
		rounds:   map[[2]string]*round{},
		broken:   map[string]error{},
		barriers: map[string]chan struct{}{},
	}
	families := []string{family4}
	if ipv6 {
		families = append(families, family6)
	}
	for _, family := range families {
		if err := h.open(ctx, family, port); err != nil {
			h.close()
			return nil, fmt.Errorf("listen for probes on port %d over %s: %w (is the port taken? choose another)", port, family, err)
		}
	}
	return h, nil
}

func (h *hearer) open(ctx context.Context, family string, port int) error {
	suffix := family[len(family)-1:]
	var lc net.ListenConfig
	pc, err := lc.ListenPacket(ctx, "udp"+suffix, ":"+strconv.Itoa(port))
	if err != nil {
		return err
	}
	c := pc.(*net.UDPConn)
	h.udp[family] = c
	h.wg.Go(func() { h.receive(family, c) })
	l, err := lc.Listen(ctx, "tcp"+suffix, ":"+strconv.Itoa(port))
	if err != nil {
		return err
	}
	h.tcp = append(h.tcp, l)
	h.wg.Go(func() { h.accept(l) })
	return nil
}

func (h *hearer) close() {
	for _, c := range h.udp {
		_ = c.Close()
	}
	for _, l := range h.tcp {
		_ = l.Close()
	}
	h.wg.Wait()
}

// accept takes TCP connections and lets them go: that they were made is all there is to see.
func (h *hearer) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				h.log.Error("accept a TCP probe: no more are taken", "err", err)
			}
			return
		}
		_ = c.Close()
	}
}

func (h *hearer) receive(family string, c *net.UDPConn) {
	buf := make([]byte, maxPacket+1)
	for {
		n, from, err := c.ReadFromUDPAddrPort(buf)
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				h.log.Error("hear probes", "family", family, "err", err)
				h.mu.Lock()
				h.broken[family] = err
				h.mu.Unlock()
			}
			return
		}
		if bytes.HasPrefix(buf[:n], []byte(barrierMagic)) {
			h.passed(string(buf[:n]), from.Addr())
			continue
		}
		p, err := parsePacket(buf[:n])
		if err != nil || p.To != h.name {
			continue // somebody else's, or for who had this address before
		}
		if p.Kind == kindOld {
			// Best effort: whoever is cut off does not get it, and the sender does not count it.
			_, _ = c.WriteToUDPAddrPort([]byte(echoMagic), from)
		}
		h.count(family, p)
	}
}

func (h *hearer) count(family string, p packet) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.rounds[[2]string{p.Cluster, p.Round}]
	if r == nil || !slices.Contains(r.from, p.From) {
		return
	}
	k := flowKey{p.From, family, p.Kind}
	if r.got[k] == nil {
		r.got[k] = map[int]struct{}{}
	}
	r.got[k][p.Number] = struct{}{}
	close(r.more)
	r.more = make(chan struct{})
}

// listen begins to count a round.
func (h *hearer) listen(q ListenRequest) error {
	if len(q.From) == 0 || len(q.From) > maxSenders {
		return bad("listen to %d senders: expected 1 to %d", len(q.From), maxSenders)
	}
	for _, name := range append([]string{q.Cluster, q.Round}, q.From...) {
		if err := cluster.CheckName("round's", name); err != nil {
			return bad("%v", err)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	k := [2]string{q.Cluster, q.Round}
	if h.rounds[k] != nil {
		return bad("listen to round %s: it was announced before", q.Round)
	}
	if len(h.order) == maxRounds {
		delete(h.rounds, h.order[0])
		h.order = h.order[1:]
	}
	h.rounds[k] = &round{from: slices.Clone(q.From), got: map[flowKey]map[int]struct{}{}, more: make(chan struct{})}
	h.order = append(h.order, k)
	return nil
}

// heard waits for what is wanted and says what came. Before it answers, everything that reached this node's
// sockets is counted, however late this process gets to it: a silence must not be a busy machine's.
func (h *hearer) heard(ctx context.Context, q HeardRequest) (heardAnswer, error) {
	timer := time.NewTimer(min(max(q.Wait, 0), maxWait))
	defer timer.Stop()
	for waiting := true; waiting; {
		got, more, err := h.tally(q)
		if err != nil {
			return heardAnswer{}, err
		}
		if enough(got, q.Want) {
			return heardAnswer{got}, nil
		}
		select {
		case <-more:
		case <-timer.C:
			waiting = false
		case <-ctx.Done():
			return heardAnswer{}, ctx.Err()
		}
	}
	for _, family := range q.Families {
		if err := h.barrier(ctx, family); err != nil {
			return heardAnswer{}, err
		}
	}
	got, _, err := h.tally(q)
	return heardAnswer{got}, err
}

func (h *hearer) tally(q HeardRequest) ([]Heard, <-chan struct{}, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.rounds[[2]string{q.Cluster, q.Round}]
	if r == nil {
		return nil, nil, fmt.Errorf("say what was heard in round %s: %s did not listen to it (was the agent started anew?)", q.Round, h.name)
	}
	got := []Heard{}
	for k, numbers := range r.got {
		got = append(got, Heard{k.from, k.family, k.kind, len(numbers)})
	}
	return got, r.more, nil
}

// enough says whether everything that was sent was heard.
func enough(got []Heard, want map[string]int) bool {
	sum := map[string]int{}
	for _, g := range got {
		sum[g.From] += g.Count
	}
	for from, n := range want {
		if sum[from] < n {
			return false
		}
	}
	return len(want) > 0
}

// barrier sends a packet to the hearer's own socket and waits for it: what came before it is counted then. It
// shows at the same time that the socket still hears.
func (h *hearer) barrier(ctx context.Context, family string) error {
	h.mu.Lock()
	err := h.broken[family]
	h.mu.Unlock()
	c := h.udp[family]
	if c == nil {
		err = errors.New("this node does not listen over it")
	}
	if err != nil {
		return fmt.Errorf("hear probes over %s: %w", family, err)
	}
	loopback := netip.MustParseAddr("127.0.0.1")
	if family == family6 {
		loopback = netip.IPv6Loopback()
	}
	port := c.LocalAddr().(*net.UDPAddr).AddrPort().Port()
	token := fmt.Sprintf("%s %d %d", barrierMagic, time.Now().UnixNano(), h.nonce.Add(1))
	passed := make(chan struct{})
	h.mu.Lock()
	h.barriers[token] = passed
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		delete(h.barriers, token)
		h.mu.Unlock()
	}()
	ctx, cancel := context.WithTimeout(ctx, barrierLimit)
	defer cancel()
	// A full queue loses the barrier as it loses anything else: send it again.
	again := time.NewTicker(barrierLimit / 10)
	defer again.Stop()
	for {
		_, err := c.WriteToUDPAddrPort([]byte(token), netip.AddrPortFrom(loopback, port))
		select {
		case <-passed:
			return nil
		case <-again.C:
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("hear probes over %s: the node does not even hear itself over loopback: is the interface lo up?", family), err)
		}
	}
}

func (h *hearer) passed(token string, from netip.Addr) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.barriers[token]; c != nil && from.Unmap().IsLoopback() {
		delete(h.barriers, token)
		close(c)
	}
}
