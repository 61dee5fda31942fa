package netns

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
)

// Places in a node. /run is a file system of the node's own, so that nothing of this is seen on the host.
const (
	dataDir     = "/run/partita-data"     // cluster.Node.Dir
	programsDir = "/run/partita-programs" // what was unpacked because the host has it not
	sshPort     = 22
	maxFiles    = 20000 // as in a container: some servers sweep every possible descriptor at their start
)

// The network of every cluster is the same: it is in a namespace of its own.
var (
	hubAddrs = []netip.Prefix{netip.MustParsePrefix("10.77.0.254/24"), netip.MustParsePrefix("fd77::fe/64")}
	net4     = netip.MustParsePrefix("10.77.0.0/24")
	net6     = netip.MustParsePrefix("fd77::/64")
)

// maxNodes is how many addresses there are below the hub's.
const maxNodes = 99

// addrsOf gives the addresses of the i-th node, from 0: IPv4 first.
func addrsOf(i int) []netip.Prefix {
	a4, a6 := net4.Addr().As4(), net6.Addr().As16()
	a4[3], a6[15] = byte(i+1), byte(i+1)
	return []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4(a4), net4.Bits()), netip.PrefixFrom(netip.AddrFrom16(a6), net6.Bits())}
}

// hubConfig is what a hub is told over its stdin.
type hubConfig struct {
	ID    string       `json:"id"`
	Dir   string       `json:"dir"`   // the cluster's folder on the host
	Nodes []nodeConfig `json:"nodes"` //
}

// nodeConfig is what a node is told over its stdin.
type nodeConfig struct {
	Name       string         `json:"name"`
	Addrs      []netip.Prefix `json:"addrs"`
	HostKey    string         `json:"hostKey"`    // PEM
	Authorized string         `json:"authorized"` // the user's key, as a line of authorized_keys
	Hosts      string         `json:"hosts"`      // the content of /etc/hosts
	Data       string         `json:"data"`       // its data folder on the host
	Binary     string         `json:"binary"`     // Partita's static binary on the host
	Programs   string         `json:"programs"`   // what was unpacked, on the host; "" for nothing
	Path       string         `json:"path"`       // where commands are looked for
}

// hostsFile is /etc/hosts of every node.
func hostsFile(nodes []nodeConfig) string {
	var b strings.Builder
	b.WriteString("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n")
	for _, n := range nodes {
		for _, a := range n.Addrs {
			fmt.Fprintf(&b, "%s\t%s\n", a.Addr(), n.Name)
		}
	}
	return b.String()
}

// readyFD is the descriptor over which a child says "ok", or why not.
const readyFD = 3

// said is what a child says over readyFD.
func said(f *os.File, err error) {
	text := "ok"
	if err != nil {
		text = err.Error()
	}
	_, _ = io.WriteString(f, text)
	_ = f.Close()
}

// heard reads what a child said; its end without a word is an error.
func heard(f *os.File) error {
	b, err := io.ReadAll(io.LimitReader(f, 8<<10))
	switch {
	case err != nil:
		return err
	case string(b) == "ok":
		return nil
	case len(b) == 0:
		return errors.New("it ended without a word")
	}
	return errors.New(string(b))
}

// tell writes a configuration to a child's stdin and closes it.
func tell(w io.WriteCloser, config any) error {
	b, err := json.Marshal(config)
	if err == nil {
		_, err = w.Write(b)
	}
	return errors.Join(err, w.Close())
}
