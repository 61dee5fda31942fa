package clustertest

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/cluster"
)

// lockPort is held on the last address of the block of addresses that a cluster uses, so that two tests on
// one machine never share one.
const lockPort = 49

// New makes a cluster of nodes n1 … on loopback addresses of their own, without a network that can be cut.
func New(t testing.TB, nodes int) *cluster.Cluster {
	t.Helper()
	block := claim(t)
	dir := t.TempDir()
	// Some servers refuse to run as root; their user must be able to come to its data.
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	c := &cluster.Cluster{ID: fmt.Sprintf("local-%d-%d", block[1], block[2]), Grace: time.Second}
	for i := 1; i <= nodes; i++ {
		n := &Node{
			name:    fmt.Sprintf("n%d", i),
			addr:    netip.AddrFrom4([4]byte{127, block[1], block[2], byte(i)}),
			dir:     filepath.Join(dir, fmt.Sprintf("n%d", i)),
			daemons: map[string]*daemon{},
		}
		if err := os.MkdirAll(n.dir, 0o755); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(n.kill)
		c.Nodes = append(c.Nodes, n)
	}
	return c
}

// claim finds a block 127.x.y.0/24 that nobody else uses and keeps it until the test ends.
func claim(t testing.TB) [4]byte {
	t.Helper()
	for i := range 1000 {
		at := os.Getpid() + i
		block := [4]byte{127, byte(1 + at/250%250), byte(1 + at%250), 254}
		l, err := net.Listen("tcp4", fmt.Sprintf("%v:%d", netip.AddrFrom4(block), lockPort))
		if err != nil {
			continue
		}
		t.Cleanup(func() { _ = l.Close() })
		return block
	}
	t.Fatalf("no free block of loopback addresses: every 127.x.y.254:%d is taken, or this user may not listen there", lockPort)
	return [4]byte{}
}

// Require skips the test where one of the binaries is missing, and says so; it fails instead when the
// environment's PARTITA_REQUIRE (names, comma separated) has what.
func Require(t testing.TB, what string, binaries ...string) {
	t.Helper()
	for _, b := range binaries {
		if _, err := exec.LookPath(b); err != nil {
			why := fmt.Sprintf("NOT RUN: %s (%s: no %s on this machine)", t.Name(), what, b)
			if slices.Contains(strings.Split(os.Getenv("PARTITA_REQUIRE"), ","), what) {
				t.Fatal(why)
			}
			t.Skip(why)
		}
	}
}
