package etcd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/partita-dev/partita/cluster"
)

// probeTimeout bounds one question to one member.
const probeTimeout = 2 * time.Second

// ask opens a connection to the member on n for one question. Calls on it fail at once when the node refuses.
func ask(ctx context.Context, n cluster.Node, question func(context.Context, *grpc.ClientConn) error) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	conn, err := grpc.NewClient("passthrough:///"+n.Name(),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return n.Dial(ctx, clientPort) }))
	if err != nil {
		return fmt.Errorf("connect to etcd on %s: %w", n.Name(), err)
	}
	return errors.Join(question(ctx, conn), conn.Close())
}

// Ready reads a key that does not exist, linearizably: it succeeds when the member serves and knows a leader
// that has a majority.
func (DB) Ready(ctx context.Context, _ *cluster.Cluster, n cluster.Node) error {
	err := ask(ctx, n, func(ctx context.Context, conn *grpc.ClientConn) error {
		_, err := etcdserverpb.NewKVClient(conn).Range(ctx, &etcdserverpb.RangeRequest{Key: []byte("partita-ready")})
		return err
	})
	if err != nil {
		return fmt.Errorf("read from etcd on %s: %w", n.Name(), err)
	}
	return nil
}

func status(ctx context.Context, n cluster.Node) (s *etcdserverpb.StatusResponse, err error) {
	err = ask(ctx, n, func(ctx context.Context, conn *grpc.ClientConn) (err error) {
		s, err = etcdserverpb.NewMaintenanceClient(conn).Status(ctx, &etcdserverpb.StatusRequest{})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("ask etcd on %s for its status: %w", n.Name(), err)
	}
	return s, nil
}

// Version is the server's own answer: "3.4.23".
func (DB) Version(ctx context.Context, _ *cluster.Cluster, n cluster.Node) (string, error) {
	s, err := status(ctx, n)
	if err != nil {
		return "", err
	}
	return s.GetVersion(), nil
}

// Primaries names the leader, none while there is an election. A leader that was cut off goes on to believe
// that it leads until its election timeout; of two, the one with the higher raft term leads.
func (DB) Primaries(ctx context.Context, c *cluster.Cluster) ([]string, error) {
	answers := make([]*etcdserverpb.StatusResponse, len(c.Nodes))
	errs := make([]error, len(c.Nodes))
	var wg sync.WaitGroup
	for i, n := range c.Nodes {
		wg.Go(func() { answers[i], errs[i] = status(ctx, n) })
	}
	wg.Wait()
	answered := false
	leader, term := "", uint64(0)
	for i, s := range answers {
		if s == nil {
			continue
		}
		answered = true
		if id := s.GetHeader().GetMemberId(); id != 0 && s.GetLeader() == id && s.GetRaftTerm() > term {
			leader, term = c.Nodes[i].Name(), s.GetRaftTerm()
		}
	}
	switch {
	case !answered:
		return nil, fmt.Errorf("find the leader of etcd, no node answers: %w", errors.Join(errs...))
	case leader == "":
		return nil, nil
	}
	return []string{leader}, nil
}
