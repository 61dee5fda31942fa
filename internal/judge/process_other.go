//go:build !linux

package judge

import "syscall"

// followParent is for Linux only: elsewhere a child that loses its parent ends when it writes its next result.
func followParent() *syscall.SysProcAttr { return nil }

// rss is for Linux only: elsewhere the child's own soft limit is all there is.
func rss(int) int64 { return 0 }
