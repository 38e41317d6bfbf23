// SPDX-License-Identifier: MPL-2.0

package sasl

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // SCRAM-SHA-1 needs HMAC only, which stands.
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"hash"
	"io"
	"strings"
)

// family is SCRAM with one hash function.
type family struct {
	name     string // without -PLUS
	strength int
	hash     func() hash.Hash
}

// families are ordered strongest first. RFC 5802, RFC 7677; SHA-512 is in
// wide use although its draft never became an RFC.
var families = []family{
	{"SCRAM-SHA-512", 3, sha512.New},
	{"SCRAM-SHA-256", 2, sha256.New},
	{"SCRAM-SHA-1", 1, sha1.New},
}

const plus = "-PLUS"

// proofPolicy says what a server-first-message must or must not say about the
// offer (XEP-0474) before the client proves anything.
type proofPolicy uint8

const (
	// offerChecked: if a hash is there it must match.
	offerChecked proofPolicy = iota
	// offerSigned: a hash must be there and match.
	offerSigned
	// offerUnsigned: no hash may be there. See "Falling back" in the package
	// comment.
	offerUnsigned
)

// gs2 is the header of RFC 5802 section 7 and the data it is about.
type gs2 struct {
	flag    string // "n", "y" or "p=" and the type
	binding string // type, empty when none
	data    []byte
	authzID string
}

func (g gs2) header() string {
	h := g.flag + ","
	if g.authzID != "" {
		h += "a=" + escape(g.authzID)
	}
	return h + ","
}

type scramState uint8

const (
	scramNew scramState = iota
	scramFirst
	scramFinal
	scramVerified
	scramDone
	scramFailed
)

// scramParams is what a run of SCRAM is made of.
type scramParams struct {
	family        family
	gs2           gs2
	username      string // prepared, not escaped
	password      Password
	cache         KeyCache
	minIterations int
	maxIterations int
	offer         []byte // expected hash of XEP-0474
	policy        proofPolicy
	offerID       string // for History, as bound
	bound         string
	alternative   bool // Select has another choice when this binding fails
	ctx           context.Context
	rand          io.Reader
}

// scram is the client of RFC 5802.
type scram struct {
	p         scramParams
	state     scramState
	nonce     string
	firstBare string
	keys      keys
	salt      []byte
	count     int
	signature []byte // the one the server has to show
}

// Name returns the mechanism's name.
func (s *scram) Name() string {
	if s.p.gs2.binding != "" {
		return s.p.family.name + plus
	}
	return s.p.family.name
}

// Binding returns the channel-binding type in use, or "".
func (s *scram) Binding() string { return s.p.gs2.binding }

// run tells History about this run.
func (s *scram) run() run {
	return run{
		binding: s.p.gs2.binding, bound: s.p.bound, offer: s.p.offerID,
		fallback: s.p.policy == offerUnsigned, alternative: s.p.alternative,
	}
}

// Start returns the client-first-message.
func (s *scram) Start() ([]byte, error) {
	if s.state != scramNew {
		return nil, s.fail(ErrState)
	}
	raw := make([]byte, 24)
	if _, err := io.ReadFull(s.p.rand, raw); err != nil {
		return nil, s.fail(fmt.Errorf("make nonce: %w", err))
	}
	s.nonce = base64.StdEncoding.EncodeToString(raw)
	s.firstBare = "n=" + escape(s.p.username) + ",r=" + s.nonce
	s.state = scramFirst
	return []byte(s.p.gs2.header() + s.firstBare), nil
}

// Next answers the server-first-message, or checks a server-final-message that
// came as a challenge, to which the answer is empty.
func (s *scram) Next(challenge []byte) ([]byte, error) {
	switch s.state {
	case scramFirst:
		response, err := s.prove(challenge)
		if err != nil {
			return nil, s.fail(err)
		}
		s.state = scramFinal
		return response, nil
	case scramFinal:
		if err := s.verify(challenge); err != nil {
			return nil, s.fail(err)
		}
		s.state = scramVerified
		return []byte{}, nil
	}
	return nil, s.fail(ErrState)
}

// Done checks that the server has proved itself, now or before.
func (s *scram) Done(success []byte) error {
	switch {
	case s.state == scramVerified && len(success) == 0:
	case s.state == scramFinal && len(success) > 0:
		if err := s.verify(success); err != nil {
			return s.fail(err)
		}
	case s.state == scramFirst || s.state == scramFinal:
		return s.fail(fmt.Errorf("finish %s: %w", s.Name(), ErrServerSignature))
	default:
		return s.fail(ErrState)
	}
	s.state = scramDone
	if s.p.cache != nil && !s.keys.cached {
		s.p.cache.Save(s.p.family.name, s.salt, s.count, s.keys.client, s.keys.server)
	}
	s.keys.wipe()
	return nil
}

// fail ends the run for good.
func (s *scram) fail(err error) error {
	s.state = scramFailed
	s.keys.wipe()
	return err
}

// prove answers a server-first-message with the client-final-message.
func (s *scram) prove(challenge []byte) ([]byte, error) {
	first, err := parseServerFirst(challenge)
	if err != nil {
		return nil, err
	}
	// The server's nonce begins with ours and adds to it: else an old
	// exchange could be replayed.
	if len(first.nonce) <= len(s.nonce) || !strings.HasPrefix(first.nonce, s.nonce) {
		return nil, malformed("nonce of another exchange")
	}
	if first.iterations < int64(s.p.minIterations) || first.iterations > int64(s.p.maxIterations) {
		return nil, fmt.Errorf("accept %d iterations: %w", first.iterations, ErrIterations)
	}
	if err := s.checkOffer(first.offer); err != nil {
		return nil, err
	}
	s.salt, s.count = first.salt, int(first.iterations)
	if err := s.loadKeys(); err != nil {
		return nil, err
	}

	channel := append([]byte(s.p.gs2.header()), s.p.gs2.data...)
	final := "c=" + base64.StdEncoding.EncodeToString(channel) + ",r=" + first.nonce
	auth := []byte(s.firstBare + "," + string(challenge) + "," + final)

	h := s.p.family.hash
	stored := h()
	stored.Write(s.keys.client)
	proof := mac(h, stored.Sum(nil), auth)
	subtle.XORBytes(proof, proof, s.keys.client)
	s.signature = mac(h, s.keys.server, auth)
	return []byte(final + ",p=" + base64.StdEncoding.EncodeToString(proof)), nil
}

// checkOffer compares the server's idea of what it offered with ours.
func (s *scram) checkOffer(got []byte) error {
	switch {
	case got == nil && s.p.policy == offerSigned:
		return fmt.Errorf("check offer: weaker than before and not signed: %w", ErrDowngrade)
	case got == nil:
		return nil
	case !bytes.Equal(got, s.p.offer):
		return fmt.Errorf("check offer: changed on the way: %w", ErrDowngrade)
	case s.p.policy == offerUnsigned:
		return fmt.Errorf("fall back from channel binding: %w", ErrBinding)
	}
	return nil
}

// loadKeys takes the keys from the cache or derives them.
func (s *scram) loadKeys() error {
	if s.p.cache != nil {
		size := s.p.family.hash().Size()
		client, server, ok := s.p.cache.Load(s.p.family.name, s.salt, s.count)
		if ok && len(client) == size && len(server) == size {
			s.keys = keys{client: bytes.Clone(client), server: bytes.Clone(server), cached: true}
			return nil
		}
	}
	if len(s.p.password) == 0 {
		return ErrPasswordNeeded
	}
	prepared, err := saslprep(string(s.p.password))
	if err != nil {
		return fmt.Errorf("prepare password: %w", err)
	}
	secret := []byte(prepared)
	defer clear(secret)
	s.keys, err = deriveKeys(s.p.ctx, s.p.family.hash, secret, s.salt, s.count)
	if err != nil {
		return fmt.Errorf("derive keys: %w", err)
	}
	return nil
}

// verify checks a server-final-message.
func (s *scram) verify(msg []byte) error {
	final, err := parseServerFinal(msg)
	if err != nil {
		return err
	}
	if final.failure != "" {
		return &Failure{Condition: final.failure}
	}
	if !hmac.Equal(final.signature, s.signature) {
		return fmt.Errorf("verify server: %w", ErrServerSignature)
	}
	return nil
}
