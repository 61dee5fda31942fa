package docker

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/netip"
	"strings"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
)

const networkTries = 5

// network makes a cluster's network, with IPv4 and IPv6. The engine chooses the IPv4 part, since it knows the
// host's routes; the IPv6 part is a random unique local /64 (RFC 4193), chosen anew when it is taken.
func (e *engine) network(ctx context.Context, id, target string) error {
	var last error
	ctx, cancel := uncut(ctx)
	defer cancel()
	for range networkTries {
		v6 := ula()
		yes := true
		_, err := e.NetworkCreate(ctx, networkName(id), client.NetworkCreateOptions{
			Driver: "bridge", EnableIPv6: &yes,
			IPAM:   &network.IPAM{Config: []network.IPAMConfig{{Subnet: v6}}},
			Labels: map[string]string{labelCluster: id, labelTarget: target},
		})
		if err == nil {
			return nil
		}
		last = err
		if !strings.Contains(err.Error(), "overlap") {
			break
		}
	}
	hint := ""
	if strings.Contains(last.Error(), "predefined address pools") {
		hint = ": too many networks are left: remove some (docker network prune, partita cluster down --all)"
	}
	return fmt.Errorf("make the network of cluster %s: %w%s", id, last, hint)
}

func networkName(id string) string { return "partita-" + id }

// ula is a random unique local /64.
func ula() netip.Prefix {
	var a [16]byte
	_, _ = rand.Read(a[1:6]) // never fails
	a[0] = 0xfd
	return netip.PrefixFrom(netip.AddrFrom16(a), 64)
}
