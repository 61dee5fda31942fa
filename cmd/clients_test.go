package cmd

import (
	"testing"
	"time"
)

// By default each node is tried more than the 20 times that coverage asks for, also where every try waits for its
// time-out and each client misses one.
func TestClientsPerNode(t *testing.T) {
	for _, c := range []struct {
		interval, timeout time.Duration
		want              int
	}{
		{20 * time.Second, time.Second, 3},
		{10 * time.Second, time.Second, 6},
		{8 * time.Second, time.Second, 8},
		{time.Minute, time.Second, 3},
		{20 * time.Second, 2 * time.Second, 6},
		{time.Second, time.Second, 12}, // no number of clients is enough, and the coverage will say so
		{10 * time.Second, 0, 3},
	} {
		got := clientsPerNode(c.interval, c.timeout)
		if got != c.want {
			t.Errorf("interval %s, time-out %s: %d clients a node, want %d", c.interval, c.timeout, got, c.want)
		}
	}
	for list, want := range map[string]bool{"none": true, "": true, "kill": false, " none ": true} {
		if onlyNone([]string{list}) != want {
			t.Errorf("%q", list)
		}
	}
}
