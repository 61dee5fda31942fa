// Package clienttest proves of a driver that it never sends an effect twice and that it tells right what
// certainly did not happen from what nobody knows.
//
// A test gives it a peer that counts the effects it receives (a fake server, or a proxy that understands the
// protocol) behind a Proxy, and the driver to open through it. Prove then lets the connection be refused, be
// reset before the answer, stay without an answer, and get its answer after the deadline, and says for each how
// many effects arrived for how many operations. Judge finds what is wrong with a trial; that it does is shown
// by a driver that is wrong on purpose.
package clienttest
