// Command ownmain is the example of docs/writing-a-workload.md and docs/writing-a-target.md: everything that
// partita knows, one workload more, and one target more.
package main

import (
	"os"

	"github.com/partita-dev/partita/cmd"
)

func main() { os.Exit(cmd.Main(cmd.With(hot()), cmd.With(cached()))) }
