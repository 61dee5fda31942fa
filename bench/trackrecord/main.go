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

	"github.com/partita-dev/partita/internal/catalog"
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
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	rec, err := track.Run(ctx, catalog.Default(), o)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, rec.Speed())
	return errors.Join(rec.Err(), os.WriteFile(*page, []byte(rec.Page()), 0o644))
}
