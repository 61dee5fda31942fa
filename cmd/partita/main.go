// Command partita tests distributed databases under faults.
package main

import (
	"os"

	"github.com/partita-dev/partita/cmd"
)

func main() { os.Exit(cmd.Main()) }
