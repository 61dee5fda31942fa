package docker

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func write(t *testing.T, root, path, text string) string {
	t.Helper()
	p := filepath.Join(root, path)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return p
}

func none(string) string { return "" }

func TestTheHostsArchivesOfDebianAreFound(t *testing.T) {
	const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
	for name, tt := range map[string]struct {
		file, text string
		want       []string // URI suite keyring
	}{
		"stanzas": {"etc/apt/sources.list.d/debian.sources", `Types: deb deb-src
# a comment
URIs: http://mirror.test/debian
Suites: bookworm
 bookworm-updates
Components: main contrib
Signed-By: ` + keyring + `

Types: deb
URIs: http://mirror.test/debian-security/
Suites: bookworm-security
Components: main

Types: deb
Enabled: no
URIs: http://off.test/debian
Suites: bookworm
Components: main

Types: deb-src
URIs: http://src.test/debian
Suites: bookworm
Components: main
`, []string{"http://mirror.test/debian bookworm " + keyring, "http://mirror.test/debian bookworm-updates " + keyring, "http://mirror.test/debian-security/ bookworm-security "}},
		"lines": {"etc/apt/sources.list", `# deb http://commented.test/debian bookworm main
deb [arch=amd64 signed-by=/etc/k.gpg] https://mirror.test/debian bookworm main # why
deb-src http://mirror.test/debian bookworm main
deb http://broken
deb [never closed http://mirror.test/debian bookworm main
`, []string{"https://mirror.test/debian bookworm /etc/k.gpg"}},
		"another release":  {"etc/apt/sources.list", "deb http://m.test/debian trixie main\ndeb http://m.test/debian trixie-updates main\ndeb http://m.test/debian-security trixie-security main\n", []string{"http://m.test/debian bookworm ", "http://m.test/debian bookworm-updates ", "http://m.test/debian-security bookworm-security "}},
		"a snapshot":       {"etc/apt/sources.list", "deb http://m.test/archive/debian/20250520T000000Z bookworm main\n", []string{"http://m.test/archive/debian/20250520T000000Z bookworm "}},
		"others' archives": {"etc/apt/sources.list", "deb http://m.test/node_20.x nodistro main\ndeb http://m.test/debian/12/prod bookworm main\ndeb http://m.test/pgsql bookworm-pgdg main\ndeb http://m.test/ubuntu noble main\ndeb ftp://m.test/debian bookworm main\n", nil},
		"no apt at all":    {"etc/hosts", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			write(t, root, tt.file, tt.text)
			var got []string
			for _, s := range hostApt(root, "", none).debian("bookworm") {
				got = append(got, s.URI+" "+s.Suite+" "+s.SignedBy)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestProxiesAndDatesAreTakenOver(t *testing.T) {
	dump := `APT "";
Acquire::http::Proxy "http://apt.test:3142";
Acquire::https::Proxy "DIRECT";
Acquire::Check-Valid-Until "false";
Acquire::http::Proxy::private.test "DIRECT";
Acquire::Languages:: "none";
`
	c := hostApt(t.TempDir(), dump, func(k string) string {
		return map[string]string{"http_proxy": "http://env.test:1", "HTTPS_PROXY": "http://env.test:2"}[k]
	})
	if c.Proxy["http_proxy"] != "http://apt.test:3142" || c.Proxy["https_proxy"] != "http://env.test:2" || len(c.Proxy) != 2 {
		t.Errorf("proxies %v", c.Proxy)
	}
	if !slices.Equal(c.Options, []string{`Acquire::Check-Valid-Until "false";`}) {
		t.Errorf("options %q", c.Options)
	}
}

func TestAMirrorsOwnKeyGoesIntoTheImage(t *testing.T) {
	root := t.TempDir()
	key := write(t, root, "my.gpg", "key\x00bytes")
	c := aptConfig{Sources: []aptSource{{"http://m.test/debian", "bookworm", []string{"main"}, key}}}
	args := c.buildArgs("bookworm")
	b, err := base64.StdEncoding.DecodeString(args["APT_KEYRING"])
	if err != nil || string(b) != "key\x00bytes" || args["APT_KEYRING_PATH"] != "/usr/share/keyrings/partita.gpg" {
		t.Errorf("%v, %v", args, err)
	}
	if !strings.Contains(args["APT_SOURCES"], "[signed-by=/usr/share/keyrings/partita.gpg] http://m.test/debian bookworm main") {
		t.Errorf("%v", args)
	}
	if len(aptConfig{}.buildArgs("bookworm")) != 0 {
		t.Error("a host without apt changes the image")
	}
}
