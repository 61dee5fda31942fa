package etcd

import (
	"io/fs"
	"net/netip"
	"strings"
	"testing"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
)

// What a member is told is the same by flags and by a file, which is needed where the number of entries behind a snapshot is no flag.
func TestSnapshotsSoon(t *testing.T) {
	n1 := &member{name: "n1", addrs: []netip.Addr{netip.MustParseAddr("10.0.0.1")}}
	settings, err := settingsOf(t.Context(), &cluster.Cluster{ID: "p7", Nodes: []cluster.Node{n1}}, n1)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		db         DB
		args, file []string
		not        string
	}{
		{DB{version: "3.4.23"}, []string{"--enable-v2=false", "--name=n1"}, nil, "snapshot"},
		{DB{version: "3.6.16"}, []string{"--name=n1"}, nil, "enable-v2"},
		{DB{version: "3.6.16", snapshots: 100}, []string{"--snapshot-count=100", "--snapshot-catchup-entries=100"}, nil, "config-file"},
		{DB{version: "3.5.7", snapshots: 100}, []string{"--config-file /var/lib/partita/logs/etcd.yaml"}, []string{
			"enable-v2: false\n", "name: \"n1\"\n", "listen-client-urls: \"http://10.0.0.1:2379,http://127.0.0.1:2379\"\n", "log-outputs: [stderr]\n",
			"snapshot-count: 100\nSnapshotCatchUpEntries: 100\n", "initial-cluster: \"n1=http://10.0.0.1:2380\"\n",
		}, "--name"},
	} {
		args, file := c.db.command(n1, settings)
		got := strings.Join(args, " ")
		for _, want := range c.args {
			if !strings.Contains(got, want) {
				t.Errorf("%v: %s lacks %s", c.db, got, want)
			}
		}
		for _, want := range c.file {
			if !strings.Contains(file, want) {
				t.Errorf("%v: %q is not in\n%s", c.db, want, file)
			}
		}
		if strings.Contains(got, c.not) || (file == "") != (c.file == nil) {
			t.Errorf("%v: %s, file %q", c.db, got, file)
		}
	}
}

func TestVersions(t *testing.T) {
	for v, ok := range map[string]bool{"3.4.23": true, "3.5.7": true, "3.6.16": true, "3.4.22": false, "v3.5.7": false, "3.5.7/x": false, "": false} {
		if _, err := New(history.Params{"version": v}); (err == nil) != ok {
			t.Errorf("version %q: %v", v, err)
		}
	}
	if _, err := New(history.Params{"snapshot-count": "-1"}); err == nil {
		t.Error("a negative count is taken")
	}
	files, err := Files(t.Context(), nil, func(s string) { t.Errorf("Debian's package is built: %s", s) })
	if err != nil {
		t.Fatal(err)
	}
	if b, err := fs.ReadFile(files, "Dockerfile"); err != nil || !strings.Contains(string(b), "etcd-server") {
		t.Errorf("%s, %v", b, err)
	}
	if _, err := Files(t.Context(), history.Params{"version": "x"}, func(string) {}); err == nil {
		t.Error("a version that is none is built")
	}
}

// Nodes whose server is of another version are refused: a finding would be the wrong one's.
func TestAnotherVersionIsRefused(t *testing.T) {
	c, _ := up(t, 1)
	d, err := New(history.Params{"version": "3.5.7"})
	must(t, err)
	if err := d.Setup(t.Context(), c, c.Nodes[0]); err == nil || !strings.Contains(err.Error(), "find etcd 3.5.7 on n1: the node has another version") {
		t.Errorf("set up with Debian's: %v", err)
	}
}

// A configuration file does what the flags do.
func TestAMemberWithSnapshotsSoon(t *testing.T) {
	c, _ := up(t, 1)
	d, err := New(history.Params{"snapshot-count": "100"})
	must(t, err)
	must(t, c.DB.Kill(t.Context(), c, c.Nodes[0]))
	must(t, d.Start(t.Context(), c, c.Nodes[0]))
	ready(t, c, d, c.Nodes[0])
}
