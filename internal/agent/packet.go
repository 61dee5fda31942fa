package agent

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/partita-dev/partita/cluster"
)

// The kinds of flows a probe goes over.
const (
	kindOld   = "old"   // a socket that existed before the fault
	kindFresh = "fresh" // a socket made for this round
)

// The families of addresses.
const (
	family4 = "ipv4"
	family6 = "ipv6"
)

const (
	probeMagic = "partita1"
	// An echo is no probe: it makes conntrack take the old flow for established, and is never counted.
	echoMagic    = "partita1-echo"
	barrierMagic = "partita1-barrier"
	maxPacket    = 512
	// maxNumber bounds what is remembered of one flow of a round.
	maxNumber = 4096
)

// packet is one numbered probe. It is text on the wire, so that tcpdump -A shows what it is.
type packet struct {
	Cluster, Round, From, To, Kind string
	Number                         int
}

func (p packet) bytes() []byte {
	return []byte(strings.Join([]string{probeMagic, p.Cluster, p.Round, p.From, p.To, p.Kind, strconv.Itoa(p.Number)}, " "))
}

// parsePacket refuses everything that is not exactly a probe.
func parsePacket(b []byte) (packet, error) {
	if len(b) > maxPacket {
		return packet{}, fmt.Errorf("read a probe: it has %d bytes, expected at most %d", len(b), maxPacket)
	}
	f := strings.Split(string(b), " ")
	if len(f) != 7 || f[0] != probeMagic {
		return packet{}, fmt.Errorf("read a probe: it is something else")
	}
	p := packet{Cluster: f[1], Round: f[2], From: f[3], To: f[4], Kind: f[5]}
	for _, name := range f[1:5] {
		if err := cluster.CheckName("probe's", name); err != nil {
			return packet{}, err
		}
	}
	if p.Kind != kindOld && p.Kind != kindFresh {
		return packet{}, fmt.Errorf("read a probe: its kind is %q", p.Kind)
	}
	n, err := strconv.Atoi(f[6])
	if err != nil || n < 0 || n >= maxNumber || strconv.Itoa(n) != f[6] {
		return packet{}, fmt.Errorf("read a probe: its number is %q", f[6])
	}
	p.Number = n
	return p, nil
}
