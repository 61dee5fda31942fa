package ssh

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
)

// Key is a key pair of a user or of a host.
type Key struct {
	Private    []byte // PEM in OpenSSH's format, as ssh -i and sshd's HostKey take it
	Authorized string // the public half as a line of authorized_keys, without a newline
	Signer     ssh.Signer
}

// NewKey makes an Ed25519 key pair.
func NewKey() (Key, error) {
	_, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return Key{}, fmt.Errorf("make an SSH key: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(priv, "partita")
	if err != nil {
		return Key{}, fmt.Errorf("encode an SSH key: %w", err)
	}
	return ParseKey(pem.EncodeToMemory(block))
}

// ParseKey reads a private key in PEM, as NewKey made it or as a user has it in ~/.ssh. A key with a passphrase
// is an error.
func ParseKey(private []byte) (Key, error) {
	signer, err := ssh.ParsePrivateKey(private)
	if err != nil {
		return Key{}, fmt.Errorf("read an SSH private key: %w", err)
	}
	line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
	return Key{Private: private, Authorized: line, Signer: signer}, nil
}

// ParsePublic reads a public key from a line of authorized_keys.
func ParsePublic(line string) (ssh.PublicKey, error) {
	k, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return nil, fmt.Errorf("read an SSH public key: %w", err)
	}
	return k, nil
}
