// Package e2e tests the whole: the command line as transcripts (testdata/script), and real databases in
// Docker (testdata/docker).
package e2e
