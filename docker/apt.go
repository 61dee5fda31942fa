package docker

import (
	"bufio"
	"encoding/base64"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// aptSource is one archive of an apt configuration.
type aptSource struct {
	URI, Suite string
	Components []string
	SignedBy   string // path of a keyring; "" for apt's trusted ones
}

// aptConfig is what the host's apt knows and a node's image must know too.
type aptConfig struct {
	Sources []aptSource
	Options []string          // lines of apt.conf: whether dates are checked
	Proxy   map[string]string // http_proxy, https_proxy, no_proxy
}

// hostApt reads the host's apt configuration below root; on a host without apt it is empty. dump is what
// `apt-config dump` prints.
func hostApt(root, dump string, getenv func(string) string) aptConfig {
	c := aptConfig{Proxy: map[string]string{}}
	dir := filepath.Join(root, "etc/apt")
	lists, _ := filepath.Glob(filepath.Join(dir, "sources.list.d/*.list"))
	for _, f := range append([]string{filepath.Join(dir, "sources.list")}, lists...) {
		if b, err := os.ReadFile(f); err == nil {
			c.Sources = append(c.Sources, oneLine(string(b))...)
		}
	}
	files, _ := filepath.Glob(filepath.Join(dir, "sources.list.d/*.sources"))
	for _, f := range files {
		if b, err := os.ReadFile(f); err == nil {
			c.Sources = append(c.Sources, deb822(string(b))...)
		}
	}
	for _, k := range []string{"http_proxy", "https_proxy", "no_proxy"} {
		if v := getenv(k); v != "" {
			c.Proxy[k] = v
		} else if v := getenv(strings.ToUpper(k)); v != "" {
			c.Proxy[k] = v
		}
	}
	for line := range strings.Lines(dump) {
		c.option(strings.TrimSpace(line))
	}
	return c
}

func thisHostsApt() aptConfig {
	out, err := exec.Command("apt-config", "dump").Output()
	if err != nil {
		out = nil // no apt here
	}
	return hostApt("/", string(out), os.Getenv)
}

var optionRE = regexp.MustCompile(`^(Acquire::[A-Za-z:-]+) "([^"]*)";$`)

// option takes a line of apt-config's dump that matters in an image too.
func (c *aptConfig) option(line string) {
	m := optionRE.FindStringSubmatch(line)
	if m == nil {
		return
	}
	switch name, value := m[1], m[2]; strings.ToLower(name) {
	case "acquire::http::proxy":
		c.proxy("http_proxy", value)
	case "acquire::https::proxy":
		c.proxy("https_proxy", value)
	case "acquire::check-valid-until", "acquire::check-date":
		c.Options = append(c.Options, line)
	}
}

// proxy sets what apt's own configuration says; "DIRECT" there is none.
func (c *aptConfig) proxy(k, v string) {
	if v == "" || v == "DIRECT" || v == "false" {
		return
	}
	c.Proxy[k] = v
}

// oneLine reads sources in the old format: deb [options] uri suite component…
func oneLine(text string) (ss []aptSource) {
	sc := bufio.NewScanner(strings.NewReader(text))
	for sc.Scan() {
		line, _, _ := strings.Cut(sc.Text(), "#")
		line = strings.TrimSpace(line)
		rest, ok := strings.CutPrefix(line, "deb ")
		if !ok {
			continue
		}
		var s aptSource
		rest = strings.TrimSpace(rest)
		if strings.HasPrefix(rest, "[") {
			opts, after, ok := strings.Cut(rest[1:], "]")
			if !ok {
				continue
			}
			rest = after
			for _, o := range strings.Fields(opts) {
				if v, ok := strings.CutPrefix(o, "signed-by="); ok {
					s.SignedBy = v
				}
			}
		}
		f := strings.Fields(rest)
		if len(f) < 2 {
			continue
		}
		s.URI, s.Suite, s.Components = f[0], f[1], f[2:]
		ss = append(ss, s)
	}
	return ss
}

// deb822 reads sources in the newer format: stanzas of fields.
func deb822(text string) (ss []aptSource) {
	for stanza := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n\n") {
		field := map[string]string{}
		last := ""
		for line := range strings.Lines(stanza) {
			line = strings.TrimRight(line, "\n")
			switch {
			case strings.HasPrefix(line, "#"):
			case strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t"):
				field[last] += " " + strings.TrimSpace(line)
			default:
				if k, v, ok := strings.Cut(line, ":"); ok {
					last = strings.ToLower(strings.TrimSpace(k))
					field[last] = strings.TrimSpace(v)
				}
			}
		}
		if field["enabled"] == "no" || !slices.Contains(strings.Fields(field["types"]), "deb") {
			continue
		}
		signed := field["signed-by"]
		if !path.IsAbs(signed) || strings.ContainsAny(signed, " \t") {
			signed = "" // a key written into the stanza: apt's trusted ones must do
		}
		for _, uri := range strings.Fields(field["uris"]) {
			for _, suite := range strings.Fields(field["suites"]) {
				ss = append(ss, aptSource{uri, suite, strings.Fields(field["components"]), signed})
			}
		}
	}
	return ss
}

var suiteRE = regexp.MustCompile(`^[a-z]+(-updates|-security|/updates)?$`)

// debian gives the host's archives of Debian itself, for another release of it: a machine that runs trixie has
// a mirror that carries bookworm too. Archives of others are left out, they need not have that release.
func (c aptConfig) debian(release string) (ss []aptSource) {
	for _, s := range c.Sources {
		m := suiteRE.FindStringSubmatch(s.Suite)
		if m == nil || !slices.Contains(s.Components, "main") || !debianURI(s.URI) {
			continue
		}
		suffix := strings.ReplaceAll(m[1], "/updates", "-security")
		s.Suite, s.Components = release+suffix, []string{"main"}
		if !slices.ContainsFunc(ss, func(o aptSource) bool { return o.URI == s.URI && o.Suite == s.Suite }) {
			ss = append(ss, s)
		}
	}
	return ss
}

var snapshotRE = regexp.MustCompile(`^\d{8}T\d{6}Z$`)

// debianURI reports whether an address is of Debian's archive, by the name that every mirror gives it.
func debianURI(uri string) bool {
	if !strings.HasPrefix(uri, "http://") && !strings.HasPrefix(uri, "https://") && !strings.HasPrefix(uri, "file:/") {
		return false
	}
	p := strings.TrimRight(uri, "/")
	if snapshotRE.MatchString(path.Base(p)) {
		p = path.Dir(p)
	}
	return path.Base(p) == "debian" || path.Base(p) == "debian-security"
}

const debianKeyring = "/usr/share/keyrings/debian-archive-keyring.gpg" // in every Debian

// buildArgs gives the base image's build arguments that make its apt like the host's.
func (c aptConfig) buildArgs(release string) map[string]string {
	args := map[string]string{}
	var lines []string
	for _, s := range c.debian(release) {
		by := s.SignedBy
		if by != "" && by != debianKeyring {
			b, err := os.ReadFile(by)
			if err != nil || len(b) > 80<<10 { // one environment string holds 128 KiB
				by = ""
			} else {
				by = "/usr/share/keyrings/partita" + path.Ext(by)
				args["APT_KEYRING"], args["APT_KEYRING_PATH"] = base64.StdEncoding.EncodeToString(b), by
			}
		}
		opt := ""
		if by != "" {
			opt = "[signed-by=" + by + "] "
		}
		lines = append(lines, "deb "+opt+s.URI+" "+s.Suite+" "+strings.Join(s.Components, " "))
	}
	if len(lines) > 0 {
		args["APT_SOURCES"] = strings.Join(lines, "\n")
	}
	if len(c.Options) > 0 {
		args["APT_CONF"] = strings.Join(c.Options, "\n")
	}
	return args
}
