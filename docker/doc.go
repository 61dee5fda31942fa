// Package docker is the provider of clusters whose nodes are containers.
//
// It speaks to the engine's API, builds the image of a target on a base image of Partita's own (made with
// debootstrap when no registry answers), and gives each cluster a network with IPv4 and IPv6, an SSH key of
// its own, and a folder of state from which another process finds it again. Everything it makes is labelled.
// Each target's Dockerfile, configuration and automation is a folder below this one.
package docker
