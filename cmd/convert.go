package cmd

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/spf13/cobra"

	"github.com/partita-dev/partita/history"
)

func (a *app) convertCmd() *cobra.Command {
	var (
		how history.Reading
		to  string
	)
	c := &cobra.Command{
		Use: "convert IN OUT", Short: "Write a history in another format",
		Long: "OUT's name says the format: .jsonl, or .edn for Jepsen's, with .zst behind it for a compressed one; - is standard output (see --to).\n" +
			"An OUT that exists is not written over. Keys become Jepsen's independent keys, pairs [key value]: read them again with --keyed.\n" +
			"With --loose a file of somebody else's becomes one that can be read strictly.",
		Example: "  partita convert --keyed history.edn history.jsonl.zst\n  partita convert runs/etcd-register-none/latest/history.jsonl.zst history.edn",
		Args:    cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			in, out := args[0], args[1]
			edn, packed, err := formatOf(out, to)
			if err != nil {
				return badArguments(err)
			}
			if in == "-" {
				file, remove, err := a.spool()
				if err != nil {
					return err
				}
				defer remove()
				in, how.Name = file, "stdin"
			}
			ops, torn, err := how.ReadAll(in)
			if err != nil {
				return badArguments(err)
			}
			if torn {
				_, _ = fmt.Fprintf(a.stderr, "partita: %s: the last line is torn, as a crash leaves it; it is left out\n", args[0])
			}
			return a.writeHistory(out, ops, edn, packed)
		},
	}
	readingFlags(c.Flags(), &how)
	c.Flags().StringVar(&to, "to", "", "jsonl or edn, where OUT's name does not say it")
	return c
}

// formatOf says what to write to a file of this name.
func formatOf(path, to string) (edn, packed bool, err error) {
	name, packed := strings.CutSuffix(strings.ToLower(path), ".zst")
	switch {
	case to == "edn", to == "" && strings.HasSuffix(name, ".edn"):
		return true, packed, nil
	case to == "jsonl", to == "" && strings.HasSuffix(name, ".jsonl"):
		return false, packed, nil
	case to != "":
		return false, packed, fmt.Errorf("--to %q: choose from jsonl, edn", to)
	}
	return false, packed, fmt.Errorf("write %s: expected a name that ends in .jsonl or .edn, with .zst behind it or not, or --to", path)
}

// writeHistory writes a new file, or standard output.
func (a *app) writeHistory(path string, ops []history.Op, edn, packed bool) (err error) {
	w := a.stdout
	if path != "-" {
		f, ferr := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if ferr != nil {
			return badArguments(fmt.Errorf("write the history: %w (an existing file is not written over)", ferr))
		}
		defer func() {
			if err = errors.Join(err, f.Close()); err != nil {
				_ = os.Remove(path) // a half file must not be taken for a history
			}
		}()
		w = f
	}
	if packed {
		z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
		if err != nil {
			return fmt.Errorf("write the history: %w", err)
		}
		return errors.Join(encode(z, ops, edn), z.Close())
	}
	return encode(w, ops, edn)
}

func encode(w io.Writer, ops []history.Op, edn bool) error {
	keyed := false
	for _, op := range ops {
		keyed = keyed || op.Key != ""
	}
	b := bufio.NewWriterSize(w, 64<<10)
	var line []byte
	for _, op := range ops {
		if edn {
			line = history.AppendEDN(line[:0], op, keyed)
		} else {
			line = history.AppendJSON(line[:0], op)
		}
		if _, err := b.Write(append(line, '\n')); err != nil {
			return fmt.Errorf("write the history: %w", err)
		}
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write the history: %w", err)
	}
	return nil
}
