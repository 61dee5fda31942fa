package cluster

import "context"

// Database is the automation of one target on the nodes of a cluster. The same code runs on any kind of node.
type Database interface {
	// Setup writes configuration. It is called once for each node of a new run, before any Start; the data is gone (Wipe came before).
	Setup(context.Context, *Cluster, Node) error
	Start(context.Context, *Cluster, Node) error
	// Ready is one probe of the service itself through its port: nil when the node serves.
	Ready(context.Context, *Cluster, Node) error
	// Stop ends it gracefully; Kill with SIGKILL.
	Stop(context.Context, *Cluster, Node) error
	Kill(context.Context, *Cluster, Node) error
	// Wipe removes all data and verifies that it is gone. The database is not running.
	Wipe(context.Context, *Cluster, Node) error
	// Version says which version runs on the node, as the database says it.
	Version(context.Context, *Cluster, Node) (string, error)
	// Daemons names the daemons on a node.
	Daemons() []string
}

// Pauser is a Database whose processes can be stopped and continued.
type Pauser interface {
	Pause(context.Context, *Cluster, Node) error
	Resume(context.Context, *Cluster, Node) error
}

// Primaries is a Database that knows who leads. Nodes that do not answer are passed over.
type Primaries interface {
	Primaries(context.Context, *Cluster) ([]string, error)
}

// LogFiles is a Database that names its log files on a node.
type LogFiles interface {
	LogFiles(Node) []string
}

// Promoter is a Database whose operator chooses a new primary by hand.
type Promoter interface {
	// Promote makes one of the named nodes the primary, the one that has most, and lets the other ones follow it.
	Promote(ctx context.Context, c *Cluster, among []string) error
	// Rejoin makes a node a follower of the primary that there is beside it, and throws away what only it has. Without
	// one, or when it is a follower already, it does nothing.
	Rejoin(ctx context.Context, c *Cluster, n Node) error
}
