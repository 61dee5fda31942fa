package report

import (
	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/internal/store"
)

// power says what a clean run can and cannot exclude, in a sentence of the coverage checker's; "" for every other run.
func power(v store.Verdict) string {
	if v.Verdict != checker.Valid {
		return ""
	}
	for _, c := range v.Checkers {
		if c.Name != "coverage" {
			continue
		}
		if p, ok := normal(c.Facts["power"]).(map[string]any); ok {
			says, _ := p["says"].(string)
			return says
		}
	}
	return ""
}
