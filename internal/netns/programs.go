//go:build linux

package netns

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/partita-dev/partita/cluster"
)

// provide sees to it that the programs are there for the nodes. It gives the folder with those that were unpacked, ""
// when the host has all.
func provide(_ context.Context, programs []cluster.Program, _ func(string)) (dir string, err error) {
	var errs []error
	for _, p := range programs {
		if !onHost(p.Name) {
			errs = append(errs, fmt.Errorf("find %s: it is not on this machine: install the package %s", p.Name, p.Package))
		}
	}
	return "", errors.Join(errs...)
}

// onHost says whether the nodes find a program on the host.
func onHost(name string) bool {
	for _, dir := range strings.Split(systemPath, ":") {
		if _, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return true
		}
	}
	return false
}
