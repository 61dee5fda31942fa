// Package findings is the table of what Partita is known to find: for each row a command, what it must end with, and beside it the
// control that must be clean. The rows are one data file, findings.yaml, for targets of every kind; what came of them is
// findings.json, by which a table that was broken off is gone on with, and a page in Markdown.
//
// A row that must find something is reproduced when at least nine of ten seeds do; a control when every seed is valid; a row that is
// marked rare when one seed finds it.
package findings
