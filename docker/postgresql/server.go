package postgresql

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/partita-dev/partita/cluster"
)

// server is the programs of PostgreSQL on one node, run by whom they may be run.
type server struct {
	cluster.Host
	bin string
	as  []string // what comes before a command, so that it runs as the server's user
}

// findPrograms looks on the path, and where Debian puts them: the newest version.
const findPrograms = `p=$(command -v initdb) && exec dirname "$(readlink -f "$p")"
ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1`

func find(ctx context.Context, h cluster.Host) (*server, error) {
	out, err := h.Exec(ctx, cluster.Cmd{Args: []string{"sh", "-c", findPrograms}})
	if err != nil {
		return nil, fmt.Errorf("find PostgreSQL on %s: %w", h.Name(), err)
	}
	s := &server{Host: h, bin: strings.TrimSpace(string(out.Stdout))}
	if s.bin == "" {
		return nil, fmt.Errorf("find PostgreSQL on %s: there is no initdb on the path nor below /usr/lib/postgresql: Debian's package postgresql has it", h.Name())
	}
	if out, err = h.Exec(ctx, cluster.Cmd{Args: []string{"id", "-u"}}); err != nil {
		return nil, fmt.Errorf("ask who runs commands on %s: %w", h.Name(), err)
	}
	if strings.TrimSpace(string(out.Stdout)) == "0" {
		s.as = []string{"setpriv", "--reuid=" + user, "--regid=" + user, "--init-groups"}
	}
	return s, nil
}

// command is a program of PostgreSQL with its arguments.
func (s *server) command(program string, args ...string) []string {
	return append(append(append([]string{}, s.as...), path.Join(s.bin, program)), args...)
}

func (s *server) run(ctx context.Context, program string, args ...string) error {
	_, err := s.Exec(ctx, cluster.Cmd{Args: s.command(program, args...)})
	return err
}

// own gives a folder to the server's user.
func (s *server) own(ctx context.Context, dir string) error {
	if s.as == nil {
		return nil
	}
	if _, err := s.Exec(ctx, cluster.Cmd{Args: []string{"chown", user + ":" + user, "--", dir}}); err != nil {
		return fmt.Errorf("give %s to the user %s: %w", dir, user, err)
	}
	return nil
}

// append writes lines behind what files of the data folder have.
func (s *server) append(ctx context.Context, files map[string]string) error {
	for name, text := range files {
		file := path.Join(dataDir(s), name)
		if _, err := s.Exec(ctx, cluster.Cmd{Args: []string{"tee", "-a", "--", file}, Stdin: strings.NewReader(text)}); err != nil {
			return fmt.Errorf("configure PostgreSQL in %s: %w", file, err)
		}
	}
	return nil
}

// filled reports whether the node has a whole data folder: a copy that broke off has no such file.
func (s *server) filled(ctx context.Context) (bool, error) {
	_, err := s.Exec(ctx, cluster.Cmd{Args: []string{"test", "-f", path.Join(dataDir(s), "global", "pg_control")}})
	var exit *cluster.ExitError
	if errors.As(err, &exit) && exit.Status == 1 {
		return false, nil
	}
	return err == nil, err
}

// fill copies the data of a primary, and makes the node its standby. It asks until the primary serves.
func (s *server) fill(ctx context.Context, from cluster.Node) error {
	addr, err := cluster.Address(ctx, from)
	if err != nil {
		return err
	}
	again := time.NewTicker(copyAgain)
	defer again.Stop()
	for {
		if _, err := s.Exec(ctx, cluster.Cmd{Args: []string{"rm", "-rf", "--", dataDir(s)}}); err != nil {
			return fmt.Errorf("remove half a copy of the data: %w", err)
		}
		err := s.run(ctx, "pg_basebackup", "--pgdata="+dataDir(s), "--dbname="+s.line(addr), "--checkpoint=fast", "--wal-method=stream", "--write-recovery-conf", "--no-sync")
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("copy the data of %s: %w", from.Name(), err)
		case <-again.C:
		}
	}
}

// line is how the node reaches a primary. The standby's name there is the node's.
func (s *server) line(primary netip.Addr) string { return conninfo(primary, s.Name()) }

func conninfo(primary netip.Addr, standby string) string {
	return fmt.Sprintf("host=%s port=%d user=%s dbname=postgres application_name=%s connect_timeout=3", primary, port, user, standby)
}

// serve is the command that serves.
func (s *server) serve(ctx context.Context) ([]string, error) {
	self, err := cluster.Address(ctx, s)
	if err != nil {
		return nil, err
	}
	listen := "*"
	if self.IsLoopback() { // nodes that are loopback addresses of one machine have only those
		listen = self.String()
	}
	return s.command("postgres", "-D", dataDir(s), "-p", strconv.Itoa(port), "-c", "listen_addresses="+listen, "-c", "unix_socket_directories="+home(s)), nil
}

// hba lets everybody in who reaches the port: the nodes are of nobody else's.
const hba = "host all all all trust\nhost replication all all trust\n"

// conf is the server's configuration, the same on every node: it is copied with the data.
func (d *DB) conf(c *cluster.Cluster) string {
	lines := []string{
		"max_connections = 200", "shared_buffers = 64MB", "fsync = on", "full_page_writes = on", "synchronous_commit = on",
		"wal_level = replica", "wal_log_hints = on", // without which pg_rewind does nothing
		"wal_keep_size = 512MB", "max_wal_senders = 10", "hot_standby = on",
		"wal_sender_timeout = 5s", "wal_receiver_timeout = 5s", "wal_retrieve_retry_interval = 200ms", "wal_receiver_status_interval = 1s",
		"autovacuum = on", "logging_collector = off", "log_line_prefix = '%m [%p] '",
	}
	if d.sync && len(c.Nodes) > 1 {
		lines = append(lines, "synchronous_standby_names = '*'")
	}
	return strings.Join(lines, "\n") + "\n"
}
