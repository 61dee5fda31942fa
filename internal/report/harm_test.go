package report

import (
	"strings"
	"testing"

	"github.com/partita-dev/partita/history"
)

// The certificate of a kill says for each node what the probes found, before, during and after.
func TestTheCertificateOfAKill(t *testing.T) {
	well := `{"node":"n1","daemons":[{"name":"etcd","running":true}],"asked":true,"serves":true}`
	dead := `{"node":"n1","daemons":[{"name":"etcd","running":false,"exit":"signal: <killed>"}],"asked":true,"serves":false}`
	starts := `{"node":"n1","daemons":[{"name":"etcd","running":true}],"asked":true,"serves":false}`
	round := func(nodes ...string) string { return `{"time":1,"edges":{"nodes":[` + strings.Join(nodes, ",") + `]}}` }
	w := history.Window{ID: "w1", Fault: "kill:n1", Spec: `{"id":"w1","harmed":["n1"]}`, Harmed: []string{"n1"},
		Evidence: history.Value(`{"before":[` + round(well) + `],"during":[` + round(dead) + "," + round(dead) + `],"after":[` + round(starts) + "," + round(well) + `]}`)}
	v := viewWindow(w, 0)
	if len(v.Nodes) != 1 || v.Empty || len(v.Edges) != 0 {
		t.Fatalf("%+v", v)
	}
	n := v.Nodes[0]
	for _, c := range []struct {
		got         cellView
		class, word string
	}{
		{n.Before, "heard", "runs and serves"},
		{n.During, "silent", "not running (all 2 probes)"},
		{n.After, "mixed", "runs, and does not serve 1×, runs and serves 1×"},
	} {
		if c.got.Class != c.class || c.got.Word != c.word {
			t.Errorf("%+v, want %s %q", c.got, c.class, c.word)
		}
	}
	if len(n.During.Flows) != 1 || n.During.Flows[0] != "etcd: signal: <killed>" {
		t.Errorf("%q", n.During.Flows)
	}
	var b strings.Builder
	if err := pageTemplate.ExecuteTemplate(&b, "window", v); err != nil {
		t.Fatal(err)
	}
	if page := b.String(); !strings.Contains(page, "not running (all 2 probes)") || strings.Contains(page, "<killed>") || strings.Contains(page, "no certificate") {
		t.Error(page)
	}
}

func TestWhatAProbeOfANodeFound(t *testing.T) {
	for evidence, want := range map[string]string{
		`{"node":"n","daemons":[{"running":true,"paused":true},{"running":true,"paused":true}]}`: "silent paused",
		`{"node":"n","daemons":[{"running":true,"paused":true},{"running":true}]}`:               "mixed some processes are paused",
		`{"node":"n","daemons":[{"running":true},{"running":false}],"asked":true}`:               "mixed some processes do not run",
		`{"node":"n","daemons":[{"running":false}],"asked":true,"serves":true}`:                  "mixed no process runs, and yet something serves",
		`{"node":"n","error":"no route"}`:                                                        "none could not be asked",
		`{"node":"n","daemons":[]}`:                                                              "none could not be asked",
	} {
		v := readHarm(history.Value(`{"during":[{"edges":{"nodes":[` + evidence + `]}}]}`))
		if len(v) != 1 || v[0].During.Class+" "+v[0].During.Word != want {
			t.Errorf("%s: %+v, want %q", evidence, v, want)
		}
	}
	for _, other := range []history.Value{"", "1", `{"during":[1,{"edges":[]},{"edges":{"nodes":7}}]}`, `{"during":7}`} {
		if v := readHarm(other); len(v) != 0 {
			t.Errorf("%s: %+v", other, v)
		}
	}
}
