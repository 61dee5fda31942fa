package history

import (
	"fmt"
	"strconv"
	"time"
)

// Params are the named parameters of a run (its flags beyond the common ones), as text, the way
// they stand in meta.json and in --param name=value. A bad value is an error that says so, never a default.
type Params map[string]string

// String gives the parameter, or def when it was not set.
func (p Params) String(name, def string) string {
	if s, ok := p[name]; ok {
		return s
	}
	return def
}

// Int gives a whole number.
func (p Params) Int(name string, def int) (int, error) {
	s, ok := p[name]
	if !ok {
		return def, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0, fmt.Errorf("parameter %s=%q: expected a whole number", name, s)
	}
	return n, nil
}

// Bool gives true or false.
func (p Params) Bool(name string, def bool) (bool, error) {
	s, ok := p[name]
	if !ok {
		return def, nil
	}
	b, err := strconv.ParseBool(s)
	if err != nil {
		return false, fmt.Errorf("parameter %s=%q: expected true or false", name, s)
	}
	return b, nil
}

// Duration gives a length of time, written as Go does: 1.5s, 200ms.
func (p Params) Duration(name string, def time.Duration) (time.Duration, error) {
	s, ok := p[name]
	if !ok {
		return def, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("parameter %s=%q: expected a duration such as 1.5s", name, s)
	}
	return d, nil
}
