package report

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/store"
)

// browser is a headless Chromium that notes all that goes wrong in its tab.
type browser struct {
	ctx context.Context

	mu     sync.Mutex
	errors []string // console messages of level error, exceptions, what the page's policy refused
	asked  []string // requests for anything but the page itself
}

func startBrowser(t *testing.T) *browser {
	t.Helper()
	bin := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			bin = p
			break
		}
	}
	if bin == "" {
		const why = "NOT RUN: the report in a browser (chromium is not installed)"
		if strings.Contains(os.Getenv("PARTITA_REQUIRE"), "chromium") {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	opts := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(bin), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.UserDataDir(t.TempDir()), chromedp.WSURLReadTimeout(2*time.Minute))
	alloc, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	b := &browser{ctx: ctx}
	if err := chromedp.Listen(ctx, func(ev any) {
		b.mu.Lock()
		defer b.mu.Unlock()
		switch ev := ev.(type) {
		case *runtime.EventExceptionThrown:
			b.errors = append(b.errors, ev.ExceptionDetails.Text)
		case *runtime.EventConsoleAPICalled:
			if ev.Type == runtime.ConsoleAPICalledTypeError {
				b.errors = append(b.errors, fmt.Sprint(ev.Args))
			}
		case *log.EventEntryAdded:
			if ev.Entry.Level == log.EntryLevelError {
				b.errors = append(b.errors, ev.Entry.Text)
			}
		case *network.EventRequestWillBeSent:
			if u := ev.Request.URL; !strings.HasPrefix(u, "file://") && !strings.HasPrefix(u, "data:") {
				b.asked = append(b.asked, u)
			}
		}
	}); err != nil {
		t.Fatalf("start %s: %v", bin, err)
	}
	b.do(t, command(network.Enable, network.EnableParams{}), command(log.Enable, cdp.Empty{}))
	return b
}

// command is one command of the browser's protocol as an action.
func command[P, R any](c cdp.Command[P, R], p P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, p)
		return err
	})
}

func (b *browser) do(t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// open shows a page from a file and forgets what went wrong before.
func (b *browser) open(t *testing.T, html string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(path, []byte(html), 0o600); err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	b.errors, b.asked = nil, nil
	b.mu.Unlock()
	b.do(t, chromedp.Navigate("file://"+path))
}

// wait runs an expression until it is true. (chromedp's own Poll makes a function of a text, which the page's policy forbids.)
func (b *browser) wait(t *testing.T, what, js string) {
	t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !eval[bool](t, b, "!!("+js+")") {
		select {
		case <-deadline.C:
			t.Fatalf("waited a minute until %s", what)
		case <-tick.C:
		}
	}
}

func eval[T any](t *testing.T, b *browser, js string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](js))
	if err != nil {
		t.Fatalf("%s: %v", js, err)
	}
	return v
}

func (b *browser) complaints() (errors, asked []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.errors), slices.Clone(b.asked)
}

const (
	threeCharts = `document.documentElement.dataset.charts === "3" && document.querySelectorAll(".chart canvas").length === 3`
	// inked counts pixels of the latency chart that have the colour of a variable.
	inked = `(name => { const [r, g, b] = getComputedStyle(document.documentElement).getPropertyValue(name).trim().match(/[0-9a-f]{2}/g).map(h => parseInt(h, 16));
		const c = document.querySelector("#chart-latency canvas"), d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
		let n = 0; for (let i = 0; i < d.length; i += 4) if (d[i+3] > 150 && Math.abs(d[i]-r) + Math.abs(d[i+1]-g) + Math.abs(d[i+2]-b) < 24) n++; return n; })`
)

func TestThePageInABrowser(t *testing.T) {
	b := startBrowser(t)
	quiet := func(t *testing.T) {
		t.Helper()
		if errors, asked := b.complaints(); len(errors)+len(asked) > 0 {
			t.Errorf("console errors %q, requests %q; want none", errors, asked)
		}
	}

	t.Run("charts, zoom, hover, keyboard", func(t *testing.T) {
		b.open(t, build(t, sampleInvalid()))
		b.wait(t, "the charts are drawn", threeCharts)
		for _, name := range []string{"--ok", "--fail", "--info"} {
			b.wait(t, "points of "+name+" are on the chart", inked+`("`+name+`") > 20`)
		}
		// Without a mouse: to the chart, zoom in, see all.
		var focused string
		for range 40 {
			b.do(t, chromedp.KeyEvent("\t"))
			focused = eval[string](t, b, `document.activeElement.id`)
			if focused == "chart-latency" {
				break
			}
		}
		if focused != "chart-latency" {
			t.Fatalf("Tab never reached the chart; it is at %q", focused)
		}
		if eval[string](t, b, `getComputedStyle(document.activeElement).outlineStyle`) == "none" {
			t.Error("the focus cannot be seen")
		}
		ticks := `uPlot.sync("partita").plots.map(u => Math.round(u.scales.x.max - u.scales.x.min)).join()`
		before := eval[string](t, b, ticks)
		b.do(t, chromedp.KeyEvent("+"))
		b.wait(t, "all charts zoomed in", ticks+` === "31,31,31"`)
		b.do(t, chromedp.KeyEvent("0"))
		b.wait(t, "all charts show everything", ticks+` === "`+before+`"`)
		// A kind of operation can be hidden.
		eval[int](t, b, `document.querySelectorAll("#toggles button").forEach(b => { if (b.textContent.includes(" ok")) b.click() }); 1`)
		b.wait(t, "ok points are gone", inked+`("--ok") < 20`)
		if eval[int](t, b, inked+`("--fail")`) < 20 {
			t.Error("hiding ok hid fail")
		}
		quiet(t)
	})

	t.Run("dark", func(t *testing.T) {
		back := func(scheme string) string {
			b.do(t, command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}))
			return eval[string](t, b, `getComputedStyle(document.body).backgroundColor`)
		}
		b.open(t, build(t, sampleValid()))
		b.wait(t, "the charts are drawn", threeCharts)
		light, dark := back("light"), back("dark")
		if light == dark {
			t.Errorf("light and dark are both %s", light)
		}
		b.wait(t, "the charts follow", inked+`("--info") > 20`)
		back("light")
		quiet(t)
	})

	t.Run("narrow, and on paper", func(t *testing.T) {
		b.open(t, build(t, sampleInvalid()))
		b.wait(t, "the charts are drawn", threeCharts)
		b.do(t, chromedp.EmulateViewport(360, 740))
		b.wait(t, "nothing is wider than the window", `document.documentElement.scrollWidth <= 360 && [...document.querySelectorAll(".chart canvas")].every(c => c.getBoundingClientRect().right <= 360)`)
		ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
		defer cancel()
		pdf, err := chromedp.Run(ctx, chromedp.PrintToPDF(chromedp.PDFPrintBackground(), chromedp.PDFPaper(chromedp.PaperA4)))
		if err != nil || len(pdf) < 50_000 {
			t.Errorf("print: %d bytes, %v", len(pdf), err)
		}
		b.do(t, chromedp.ResetViewport())
		quiet(t)
	})

	t.Run("nothing to draw", func(t *testing.T) {
		b.open(t, build(t, Data{}))
		b.wait(t, "the page is there", `document.querySelector("h1") !== null && document.readyState === "complete"`)
		quiet(t)
	})
	t.Run("hostile", func(t *testing.T) { testHostile(t, b, quiet) })
}

// Whatever a server, a node's name, a log or a fact says, it is shown and never run.
func testHostile(t *testing.T, b *browser, quiet func(*testing.T)) {
	const evil = `</script><script>window.hacked=1</script><img src=http://127.0.0.1:9/x onerror=window.hacked=2>` + "\u2028\u2029" + `'"]]><svg onload=window.hacked=3>{{.}}<!--`
	d := sampleInvalid()
	var ops []history.Op
	for o, err := range d.Ops {
		if err != nil {
			t.Fatal(err)
		}
		o.Node, o.Key, o.Err.Text, o.Err.Code = o.Node+evil, evil, evil, evil
		if o.F == "write" {
			o.Value = history.Str(evil)
		}
		if o.F == "cas" {
			o.F = "cas" + evil
		}
		ops = append(ops, o)
	}
	d.Ops = stream(ops)
	d.Verdict.Summary, d.Verdict.Command, d.Verdict.Errors = evil, evil, []string{evil}
	for i := range d.Verdict.Checkers {
		c := &d.Verdict.Checkers[i]
		c.Name, c.Reason, c.Facts = c.Name+evil, evil, map[string]any{evil: evil, "list": []any{map[string]any{evil: evil}}}
		for j := range c.Anomalies {
			a := &c.Anomalies[j]
			a.Name, a.Key, a.Text, a.RulesOut = evil, evil, evil, []string{evil}
			a.Data = checker.Exhibit{Why: evil, Ops: []checker.ExhibitOp{{Note: evil, From: history.Point{Index: a.Ops[0]}}}}
		}
	}
	for i := range d.Faults.Windows {
		w := &d.Faults.Windows[i]
		w.ID, w.Fault, w.Harmed, w.Sides, w.Errors = evil+fmt.Sprint(i), evil, []string{evil}, [][]string{{evil}, {"n1"}}, []string{evil}
		j, _ := json.Marshal(evil)
		w.Evidence = history.Value(strings.ReplaceAll(strings.ReplaceAll(string(w.Evidence), `"n1"`, string(j)), `"ipv4"`, string(j)))
		w.Spec = history.Value(strings.ReplaceAll(string(w.Spec), `"n1"`, string(j)))
	}
	d.Meta = store.Meta{RunID: evil, Target: evil, Workload: evil, Faults: []string{evil}, Command: evil, Nodes: []string{evil}, Image: evil,
		Database: map[string]string{evil: evil}, Params: history.Params{evil: evil}, Phases: []store.Phase{{Name: evil, Err: evil}}}
	d.Notes = []string{evil}
	d.Logs = []LogFile{{"logs/n1/javascript:window.hacked=4", 1}, {"logs/" + evil + "/a", 1}, {"javascript:window.hacked=5", 1}}
	html := build(t, d)
	b.open(t, html)
	b.wait(t, "the charts are drawn", threeCharts)
	type looked struct {
		Hacked  bool
		Strange []string
		Shown   bool
	}
	const look = `({Hacked: "hacked" in window, Shown: document.querySelector("h1").textContent.includes("<script>window.hacked=1"),
		Strange: [...document.querySelectorAll("img, svg[onload], script:not([type]), a[href]")].filter(e => e.tagName !== "SCRIPT" && !(e.tagName === "A" && /^(#|\.\/)/.test(e.getAttribute("href"))) ||
			e.tagName === "SCRIPT" && e.textContent.length < 5000).map(e => e.outerHTML.slice(0, 200))})`
	got := eval[looked](t, b, look)
	if got.Hacked || len(got.Strange) > 0 || !got.Shown {
		t.Errorf("hacked %v, shown %v, strange elements %q", got.Hacked, got.Shown, got.Strange)
	}
	quiet(t)

	// The same, planted past the escaping: first the page's policy stops it and the console says so, then, without the
	// policy, it runs. So the checks above can fail.
	planted := strings.Replace(html, "</h1>", evil+"</h1>", 1)
	b.open(t, planted)
	b.wait(t, "the page is there", `document.readyState === "complete"`)
	got = eval[looked](t, b, look)
	if errors, _ := b.complaints(); got.Hacked || len(errors) == 0 {
		t.Errorf("planted behind the policy: hacked %v, console %q", got.Hacked, errors)
	}
	b.open(t, strings.Replace(planted, "Content-Security-Policy", "X-Nothing", 1))
	b.wait(t, "the planted script ran", `"hacked" in window`)
	got = eval[looked](t, b, look)
	if _, asked := b.complaints(); len(asked) == 0 || len(got.Strange) == 0 {
		t.Errorf("planted without the policy: requests %q, strange elements %q; want some", asked, got.Strange)
	}
}
