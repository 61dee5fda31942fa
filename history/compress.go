package history

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
)

// Compress turns a history that is at rest into path + ".zst". The original goes only after the compressed file is
// on the disk and was read back as the same bytes; on an error it is still there, and no half file beside it.
func Compress(path string) error {
	dst, tmp := path+".zst", path+".zst.tmp"
	want, err := compressTo(path, tmp)
	if err == nil {
		err = verify(tmp, want)
	}
	if err == nil {
		err = os.Rename(tmp, dst)
	}
	if err == nil {
		err = syncDir(path)
	}
	if err != nil {
		_ = os.Remove(tmp)
		return fmt.Errorf("compress the history: %w", err)
	}
	if err := errors.Join(os.Remove(path), syncDir(path)); err != nil {
		return fmt.Errorf("remove the history that was compressed: %w", err)
	}
	return nil
}

// compressTo writes the compressed file, fsynced, and gives the hash of the plain text.
func compressTo(path, tmp string) (sum hash.Hash, err error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	z, err := zstd.NewWriter(out, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	sum = sha256.New()
	if _, err := io.Copy(io.MultiWriter(z, sum), in); err != nil {
		return nil, errors.Join(err, z.Close())
	}
	return sum, errors.Join(z.Close(), out.Sync())
}

// verify reads the compressed file back.
func verify(tmp string, want hash.Hash) error {
	in, err := os.Open(tmp)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return err
	}
	defer z.Close()
	got := sha256.New()
	if _, err := io.Copy(got, z); err != nil {
		return fmt.Errorf("read it back: %w", err)
	}
	if string(got.Sum(nil)) != string(want.Sum(nil)) {
		return errors.New("read it back: it is not the same text")
	}
	return nil
}

// syncDir makes the names in path's folder last.
func syncDir(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
