package postgresql

import "embed"

// Image is the Dockerfile of a node and what it copies.
//
//go:embed Dockerfile
var Image embed.FS
