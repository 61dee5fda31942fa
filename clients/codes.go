package clients

// Codes that mean something to whoever drives a Conn. All others are for people.
const (
	// CodeConnect is the code of an operation for which no connection could be made.
	CodeConnect = "connect"
	// CodeUnreachable is the code of a NotDone error of a client that connects by itself, and found nobody. The next
	// operation of its worker is not sent at once, so that a dead node does not flood the history.
	CodeUnreachable = "unreachable"
)
