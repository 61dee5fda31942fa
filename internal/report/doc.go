// Package report turns a finished run's folder into what people and machines read: report.html for the
// person who is woken by a red build, a few lines for a terminal, and junit.xml for CI.
//
// The page is one file. It opens from disk with no network, follows the reader's light or dark mode, prints,
// and stays under MaxSize whatever the length of the history: series are binned, and the latency chart keeps
// each operation that was not ok, the slowest of each moment and an even sample of the rest.
//
// Nothing but the folder is read, so `partita report` draws the same page as the run that wrote it. All that a
// server, a log or a node name says is hostile: texts pass through html/template, data for the charts is JSON in an
// inert script element, and the page's own policy (Content-Security-Policy, by hash) runs no script but ours.
package report
