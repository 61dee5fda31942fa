// Command trackrecord tries every bug of the sample and many clean runs, and writes docs/track-record.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"

	"github.com/partita-dev/partita/internal/catalog"
	"github.com/partita-dev/partita/internal/sample"
	"github.com/partita-dev/partita/internal/sample/track"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "trackrecord:", err)
		os.Exit(1)
	}
}

func run() error {
	o := track.Options{Log: func(s string) { fmt.Fprintln(os.Stderr, s) }}
	flag.IntVar(&o.Seeds, "seeds", 20, "runs of each bug")
	flag.IntVar(&o.Clean, "clean", 360, "runs without a bug")
	flag.IntVar(&o.Parallel, "parallel", runtime.GOMAXPROCS(0), "runs at once")
	page := flag.String("o", "docs/track-record.md", "the page that is written")
	only := flag.String("only", "", "some bugs, comma separated, and nothing else: the page is not written")
	flag.Parse()
	if *only != "" {
		o.Faults, *page = [][]string{}, os.DevNull
		for _, name := range strings.Split(*only, ",") {
			b, err := sample.FindBug(name)
			if err != nil {
				return err
			}
			o.Bugs = append(o.Bugs, b)
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	rec, err := track.Run(ctx, catalog.Default(), o)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, rec.Speed())
	return errors.Join(rec.Err(), os.WriteFile(*page, []byte(rec.Page()), 0o644))
}
