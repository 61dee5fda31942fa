package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
)

// pullPatience is how long a registry may be silent before it counts as one that does not answer.
const pullPatience = 10 * time.Second

// rootImage gives the id of the Debian image that everything is built on: the one that is there, else a
// registry's, else one made here.
func (e *engine) rootImage(ctx context.Context, log func(string)) (string, error) {
	img, err := e.ImageInspect(ctx, BaseImage)
	if err == nil {
		return img.ID, nil
	}
	if !errdefs.IsNotFound(err) {
		return "", fmt.Errorf("look for image %s: %w", BaseImage, err)
	}
	log("pulling " + BaseImage)
	begin := time.Now()
	pullErr := e.pull(ctx, BaseImage)
	if pullErr == nil {
		log(fmt.Sprintf("pulled %s in %.0f s", BaseImage, time.Since(begin).Seconds()))
		return e.imageID(ctx, BaseImage)
	}
	if ctx.Err() != nil {
		return "", pullErr
	}
	log(fmt.Sprintf("no registry gave %s (%s)", BaseImage, short(pullErr)))
	if err := e.debootstrap(ctx, log); err != nil {
		return "", fmt.Errorf("get image %s: pull: %s: make it: %w", BaseImage, short(pullErr), err)
	}
	return e.imageID(ctx, BaseImage)
}

func short(err error) string {
	s, _, _ := strings.Cut(err.Error(), "\n")
	return s
}

// pull pulls an image, and gives up when nothing is heard for pullPatience.
func (e *engine) pull(ctx context.Context, ref string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(pullPatience, func() {
		cancel(fmt.Errorf("the registry said nothing for %v", pullPatience))
	})
	defer silence.Stop()
	r, err := e.ImagePull(ctx, ref, client.ImagePullOptions{})
	if err == nil {
		defer func() { _ = r.Close() }()
		for m, e := range r.JSONMessages(ctx) {
			silence.Reset(pullPatience)
			if err = e; err == nil && m.Error != nil {
				err = m.Error
			}
			if err != nil {
				break
			}
		}
	}
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return err
}

// debootstrap makes the Debian image from the host's own mirror and imports it under the name it has in a registry.
func (e *engine) debootstrap(ctx context.Context, log func(string)) (err error) {
	apt := thisHostsApt()
	sources := apt.debian(baseRelease)
	prog, lookErr := exec.LookPath("debootstrap")
	switch {
	case lookErr != nil:
		return errors.New("debootstrap is not installed: run `partita doctor --fix`, or load the image by hand (docker load)")
	case os.Getuid() != 0:
		return errors.New("only root can run debootstrap: run as root, or load the image by hand (docker load)")
	case len(sources) == 0:
		return errors.New("this host's apt configuration names no mirror of Debian: load the image by hand (docker load)")
	}
	dir, err := os.MkdirTemp("/var/tmp", "partita-root-")
	if err != nil {
		return fmt.Errorf("make a folder for debootstrap: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	mirror := sources[0]
	for _, s := range sources {
		if s.Suite == baseRelease {
			mirror = s
			break
		}
	}
	log("making " + BaseImage + " with debootstrap from " + mirror.URI + ", about half a minute")
	begin := time.Now()
	args := []string{"--variant=minbase"}
	if mirror.SignedBy != "" {
		args = append(args, "--keyring="+mirror.SignedBy)
	}
	root := filepath.Join(dir, "root")
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, prog, append(args, baseRelease, root, mirror.URI)...)
	cmd.Env = os.Environ()
	for k, v := range apt.Proxy {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &out, 5*time.Second
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("debootstrap: %w: %s", err, lastLines(out.String(), 6))
	}
	slim(root)
	if err := e.importRoot(ctx, root); err != nil {
		return err
	}
	log(fmt.Sprintf("made %s in %.0f s", BaseImage, time.Since(begin).Seconds()))
	return nil
}

// slim removes what no node reads. What cannot be removed only takes room.
func slim(root string) {
	for _, p := range []string{"usr/share/doc/*", "usr/share/man/*", "usr/share/info/*", "usr/share/locale/*", "var/cache/apt/archives/*.deb", "var/lib/apt/lists/*", "var/log/*.log"} {
		matches, _ := filepath.Glob(filepath.Join(root, p))
		for _, m := range matches {
			_ = os.RemoveAll(m)
		}
	}
}

// importRoot streams a root file system into the engine.
func (e *engine) importRoot(ctx context.Context, root string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "tar", "--numeric-owner", "--one-file-system", "--exclude=./dev/*", "--exclude=./proc/*", "--exclude=./sys/*", "-C", root, "-c", ".")
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return fmt.Errorf("pack %s: %w", BaseImage, err)
	}
	r, err := e.ImageImport(ctx, client.ImageImportSource{Source: out, SourceName: "-"}, BaseImage, client.ImageImportOptions{
		Message: "made by Partita with debootstrap", Changes: []string{`CMD ["bash"]`, "LABEL " + labelImage + "=1"},
	})
	if err == nil {
		_, err = io.Copy(io.Discard, r)
		_ = r.Close()
	}
	if err != nil {
		cancel()
		_ = cmd.Wait() // it was just killed
		return fmt.Errorf("import %s: %w", BaseImage, err)
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("pack %s: %w: %s", BaseImage, err, lastLines(stderr.String(), 3))
	}
	return nil
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return strings.Join(lines, " | ")
}
