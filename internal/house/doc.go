// Package house holds the tests of the house itself: which package may import which, how long a file
// may be, that each package says what it is for.
package house
