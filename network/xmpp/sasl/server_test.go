// SPDX-License-Identifier: MPL-2.0

package sasl

import (
	"bytes"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"hash"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// server is the other side of SCRAM, computed with other code than the
// client's where that matters. Its hooks make it misbehave.
type server struct {
	hash       func() hash.Hash
	password   string
	salt       []byte
	iterations int
	bindings   map[string][]byte // type to data; what it can check
	offersPlus bool
	extensions string // added to the server-first-message

	header, firstBare, first string
}

func newServer(mechanism string) *server {
	hashes := map[string]func() hash.Hash{"SHA-1": sha1.New, "SHA-256": sha256.New, "SHA-512": sha512.New}
	name := strings.TrimSuffix(strings.TrimPrefix(mechanism, "SCRAM-"), "-PLUS")
	return &server{
		hash: hashes[name], password: "pencil", salt: []byte("salt of the server"), iterations: 4096,
		offersPlus: strings.HasSuffix(mechanism, "-PLUS"),
	}
}

// challenge answers a client-first-message.
func (s *server) challenge(msg []byte) ([]byte, error) {
	parts := strings.SplitN(string(msg), ",", 3)
	if len(parts) != 3 || !strings.HasPrefix(parts[2], "n=") {
		return nil, &Failure{Condition: "malformed-request"}
	}
	flag := parts[0]
	if flag == "y" && s.offersPlus {
		return nil, &Failure{Condition: "malformed-request"}
	}
	if name, ok := strings.CutPrefix(flag, "p="); ok && s.bindings[name] == nil {
		return nil, &Failure{Condition: "not-authorized", Text: "Invalid channel binding"}
	}
	s.header, s.firstBare = parts[0]+","+parts[1]+",", parts[2]
	nonce := s.firstBare[strings.Index(s.firstBare, ",r=")+3:]
	s.first = fmt.Sprintf("r=%sSERVER,s=%s,i=%d%s", nonce,
		base64.StdEncoding.EncodeToString(s.salt), s.iterations, s.extensions)
	return []byte(s.first), nil
}

// finish checks a client-final-message and returns the server-final-message.
func (s *server) finish(msg []byte) ([]byte, error) {
	without, proofText, ok := strings.Cut(string(msg), ",p=")
	if !ok {
		return nil, &Failure{Condition: "malformed-request"}
	}
	channel := []byte(s.header)
	if name, ok := strings.CutPrefix(strings.SplitN(s.header, ",", 2)[0], "p="); ok {
		channel = append(channel, s.bindings[name]...)
	}
	want := "c=" + base64.StdEncoding.EncodeToString(channel) + ",r=" + s.first[2:strings.Index(s.first, ",")]
	if without != want {
		return nil, &Failure{Condition: "malformed-request", Text: "Invalid channel binding value."}
	}
	clientKey, storedKey, serverKey := s.derive()
	auth := s.firstBare + "," + s.first + "," + without
	signature := s.mac(storedKey, auth)
	proof, err := base64.StdEncoding.DecodeString(proofText)
	if err != nil || len(proof) != len(signature) {
		return nil, &Failure{Condition: "malformed-request"}
	}
	for i := range proof {
		proof[i] ^= signature[i]
	}
	if !bytes.Equal(proof, clientKey) {
		return nil, &Failure{Condition: "not-authorized"}
	}
	return []byte("v=" + base64.StdEncoding.EncodeToString(s.mac(serverKey, auth))), nil
}

func (s *server) derive() (clientKey, storedKey, serverKey []byte) {
	salted, err := pbkdf2.Key(s.hash, s.password, s.salt, s.iterations, s.hash().Size())
	if err != nil {
		panic(err)
	}
	clientKey = s.mac(salted, "Client Key")
	h := s.hash()
	h.Write(clientKey)
	return clientKey, h.Sum(nil), s.mac(salted, "Server Key")
}

func (s *server) mac(key []byte, text string) []byte {
	m := hmac.New(s.hash, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

// signIn runs a whole exchange.
func signIn(m Mechanism, s *server) error {
	initial, err := m.Start()
	if err != nil {
		return err
	}
	challenge, err := s.challenge(initial)
	if err != nil {
		return err
	}
	response, err := m.Next(challenge)
	if err != nil {
		return err
	}
	final, err := s.finish(response)
	if err != nil {
		return err
	}
	return m.Done(final)
}

// secureState is TLS that has nothing to bind to.
func secureState() tls.ConnectionState {
	return tls.ConnectionState{HandshakeComplete: true, Version: tls.VersionTLS13}
}

func testConfig() Config {
	return Config{Username: "user", Password: Password("pencil")}
}

func mustSelect(t *testing.T, cfg Config, offered, bindings []string, cs tls.ConnectionState) Mechanism {
	t.Helper()
	m, err := Select(cfg, offered, bindings, cs)
	require.NoError(t, err)
	return m
}
