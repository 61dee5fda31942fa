package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/api/types/build"
	"github.com/moby/moby/api/types/jsonstream"
	"github.com/moby/moby/client"
)

//go:embed base
var baseFS embed.FS

// BaseImage is what every node's image begins with.
const BaseImage = "debian:bookworm-slim"

const baseRelease = "bookworm"

// imageFor gives the image that nodes of spec's target run, by its tag, building what is not there.
func (e *engine) imageFor(ctx context.Context, target string, files fs.FS, args map[string]string, log func(string)) (string, error) {
	root, err := e.rootImage(ctx, log)
	if err != nil {
		return "", err
	}
	apt := thisHostsApt()
	base, err := fs.Sub(baseFS, "base")
	if err != nil {
		return "", err
	}
	// By its name, so that the build says where it begins; its id is in the tag's hash.
	tag, err := e.build(ctx, "partita-base", base, BaseImage, root, apt.buildArgs(baseRelease), apt.Proxy, log)
	if err != nil || files == nil {
		return tag, err
	}
	id, err := e.imageID(ctx, tag)
	if err != nil {
		return "", err
	}
	return e.build(ctx, "partita-"+slug(target), files, tag, id, args, apt.Proxy, log)
}

// imageID is an image's digest.
func (e *engine) imageID(ctx context.Context, ref string) (string, error) {
	img, err := e.ImageInspect(ctx, ref)
	if err != nil {
		return "", fmt.Errorf("look at image %s: %w", ref, err)
	}
	return img.ID, nil
}

// build builds files on the image base, under a tag that is the hash of all that goes into it: what is there
// under that tag need not be built again.
func (e *engine) build(ctx context.Context, name string, files fs.FS, base, baseID string, args, proxy map[string]string, log func(string)) (string, error) {
	archive, sum, err := contextOf(files, baseID, args)
	if err != nil {
		return "", fmt.Errorf("read the files of image %s: %w", name, err)
	}
	tag := name + ":" + sum
	if _, err := e.ImageInspect(ctx, tag); err == nil {
		return tag, nil
	}
	begin := time.Now()
	log("building image " + tag)
	all := map[string]*string{"BASE": &base}
	for k, v := range args {
		all[k] = &v
	}
	for k, v := range proxy { // Docker knows these and keeps them out of the image
		all[k] = &v
		all[strings.ToUpper(k)] = &v
	}
	// On the host's network a mirror's or a proxy's name, and one at localhost, is what it is on the host.
	r, err := e.ImageBuild(ctx, bytes.NewReader(archive), client.ImageBuildOptions{
		Tags: []string{tag}, BuildArgs: all, Dockerfile: "Dockerfile", Remove: true, ForceRemove: true,
		Labels: map[string]string{labelImage: "1"}, NetworkMode: "host", Version: build.BuilderV1,
	})
	if err != nil {
		return "", fmt.Errorf("build image %s: %w", tag, err)
	}
	defer func() { _ = r.Body.Close() }()
	p := &progress{log: log, name: name}
	if err := p.follow(r.Body); err != nil {
		e.removeUntagged(ctx, p.last)
		return "", fmt.Errorf("build image %s: %w", tag, err)
	}
	log(fmt.Sprintf("built image %s in %.0f s", tag, time.Since(begin).Seconds()))
	return tag, nil
}

// removeUntagged takes away what a failed build left, which has no name to find it by.
func (e *engine) removeUntagged(ctx context.Context, id string) {
	if id == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	img, err := e.ImageInspect(ctx, id)
	if err != nil || len(img.RepoTags) > 0 {
		return
	}
	_, _ = e.ImageRemove(ctx, id, client.ImageRemoveOptions{PruneChildren: true}) // refused while another build uses it: that one names it
}

// contextOf makes the tar archive of a build, the same bytes for the same files, and the hash of all that
// decides what the image is.
func contextOf(files fs.FS, baseID string, args map[string]string) (archive []byte, sum string, err error) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	err = fs.WalkDir(files, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if strings.HasSuffix(p, ".go") {
			return nil // the automation beside the Dockerfile is not the image's
		}
		b, err := fs.ReadFile(files, p)
		if err != nil {
			return err
		}
		mode := int64(0o644)
		if info, err := d.Info(); err == nil && info.Mode()&0o111 != 0 || bytes.HasPrefix(b, []byte("#!")) {
			mode = 0o755 // embedded files have lost the bit
		}
		if err := w.WriteHeader(&tar.Header{Name: p, Mode: mode, Size: int64(len(b)), Typeflag: tar.TypeReg}); err != nil {
			return err
		}
		_, err = w.Write(b)
		return err
	})
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, "", err
	}
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%s\n", baseID)
	for _, k := range slices.Sorted(maps.Keys(args)) {
		_, _ = fmt.Fprintf(h, "%q=%q\n", k, args[k])
	}
	h.Write(buf.Bytes())
	return buf.Bytes(), hex.EncodeToString(h.Sum(nil))[:12], nil
}

// progress follows a build's stream: the steps go to the log, the last lines are kept for an error.
type progress struct {
	log   func(string)
	name  string
	lines []string
	last  string // id of the last image that a step made
}

var (
	stepRE  = regexp.MustCompile(`^Step \d+/\d+ : `)
	madeRE  = regexp.MustCompile(`^ ---> ([0-9a-f]{12,64})$`)
	keep    = 15
	maxStep = 100
)

func (p *progress) follow(r io.Reader) error {
	dec := json.NewDecoder(r)
	for {
		var m jsonstream.Message
		if err := dec.Decode(&m); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("follow the build: %w", err)
		}
		if m.Error != nil {
			return fmt.Errorf("%s: the build's last lines:\n  %s", m.Error.Message, strings.Join(p.lines, "\n  "))
		}
		for line := range strings.SplitSeq(strings.TrimRight(m.Stream+m.Status, "\n"), "\n") {
			p.line(line)
		}
	}
}

func (p *progress) line(s string) {
	s = strings.TrimRight(s, "\r ")
	if m := madeRE.FindStringSubmatch(s); m != nil {
		p.last = m[1]
		return
	}
	if strings.TrimSpace(s) == "" {
		return
	}
	if p.lines = append(p.lines, s); len(p.lines) > keep {
		p.lines = p.lines[1:]
	}
	if stepRE.MatchString(s) {
		if len(s) > maxStep {
			s = s[:maxStep] + "…"
		}
		p.log(p.name + ": " + s)
	}
}

var slugRE = regexp.MustCompile(`[^a-z0-9._-]+`)

// slug makes a target's name fit for an image's.
func slug(s string) string {
	return strings.Trim(slugRE.ReplaceAllString(strings.ToLower(s), "-"), "-._")
}
