package judge

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestAValueOfNoShapeIsAnErrorWithItsLine: a lone file that a checker cannot read is no verdict but an error.
func TestAValueOfNoShapeIsAnErrorWithItsLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "h.jsonl")
	text := `{"index":4,"time":0,"process":0,"type":"invoke","f":"write","value":1}
{"index":5,"time":0,"process":0,"type":"ok","f":"write","value":1}
{"index":8,"time":0,"process":0,"type":"invoke","f":"cas","value":3}
{"index":9,"time":0,"process":0,"type":"ok","f":"cas","value":3}
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := Run(ctx, Request{Names: []string{"good", "linearizable-register"}, History: path})
	if err == nil || !strings.Contains(err.Error(), "h.jsonl:3: index 8") || !strings.Contains(err.Error(), "expected [from,to]") {
		t.Fatal(err)
	}
}
