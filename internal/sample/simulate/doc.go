// Package simulate is a whole run of the sample in virtual time: clients, faults, healing, final reads, on one goroutine
// and as fast as it goes. The same Config gives the same history, byte for byte.
package simulate
