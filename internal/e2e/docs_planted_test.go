package e2e

import (
	"strings"
	"testing"
)

// Each check of the documents notices what it is there for.
func TestDocsChecksNoticePlantedErrors(t *testing.T) {
	sh := func(lines string) page { return page{"docs/x.md", "text\n\n```sh\n" + lines + "\n```\n"} }
	for _, line := range []string{"curl http://x", "go build ./...", "partita list | head", "partita test etcd --store $HOME"} {
		if _, err := sh(line).commands(); err == nil {
			t.Errorf("%q would not be executed, and nobody says so", line)
		}
	}
	cs, err := sh("bin/partita check x   # exits 1: why\n# only words\n\npartita list").commands()
	if err != nil || len(cs) != 2 || cs[0].status != 1 || strings.Join(cs[0].words, " ") != "partita check x" || cs[1].status != 0 {
		t.Errorf("commands: %+v, %v", cs, err)
	}
	if makes("demo") != nil || makes("dem") == nil {
		t.Error("targets of the Makefile are not told apart")
	}

	links := page{"docs/x.md", "# One: a `b`\n[a](faults.md) [b](nowhere.md) [c](#one-a-b) [d](#two) [e](faults.md#kill-stop-pause) [f](https://x)"}
	if got := strings.Join(links.brokenLinks(), " "); got != "nowhere.md #two" {
		t.Errorf("broken links: %s", got)
	}

	help := "  -w, --workload string   what\n      --seed uint   of draws\n      --rate float   x (default 5)\n      --wait duration   y (default 1m0s)\n"
	table := func(rows string) page { return page{"docs/x.md", "| flag | default | |\n| --- | --- | --- |\n" + rows} }
	for rows, want := range map[string]string{
		"| `-w`, `--workload` | the target's | |\n| `--seed` | | |\n| `--rate` | `5` | |\n| `--wait` | `60s` | |": "",
		"| `--speed` | | |":     "no flag",
		"| `--rate` | | |":      `the program "5"`,
		"| `--wait` | `2m` | |": `the page says "2m"`,
		"":                      "no table",
	} {
		got := strings.Join(flagErrors(table(rows), help), "; ")
		if (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("flags %q: %q, expected %q", rows, got, want)
		}
	}

	faults := page{"docs/x.md", "# F\n\n## cut\n\n| `one` | x |\n| `a\\|b` | x |\n\n## kill, stop\n\n| `all` | x |\n"}
	for has, want := range map[string]string{
		"cut cut:one cut:a|b kill kill:all stop stop:all": "",
		"cut cut:one cut:two cut:a|b":                     "no row says what cut:two is",
		"cut cut:one":                                     "cut:a|b is not there",
		"pause":                                           "no section on pause",
	} {
		got := strings.Join(faultErrors(faults, strings.Fields(has)), "; ")
		if (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("faults %q: %q, expected %q", has, got, want)
		}
	}
}
