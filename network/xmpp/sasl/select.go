// SPDX-License-Identifier: MPL-2.0

package sasl

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"log/slog"
	"slices"
	"strings"
)

// Select chooses the strongest acceptable one of the mechanisms the server
// offered: with channel binding first, then by hash function, PLAIN last.
// bindings are the channel-binding types it announced (XEP-0440), nil when it
// announced none; cs is the state of the TLS connection underneath.
//
// The errors are ErrNoTLS, ErrNoMechanism, ErrPlainRefused, ErrBindingRequired,
// ErrBinding, ErrDowngrade, ErrCharacters and ErrPasswordNeeded.
func Select(cfg Config, offered, bindings []string, cs tls.ConnectionState) (Mechanism, error) {
	if !cs.HandshakeComplete {
		return nil, ErrNoTLS
	}
	s, err := newSelection(cfg, offered, bindings, cs)
	if err != nil {
		return nil, err
	}
	m, err := s.choose()
	if err != nil {
		return nil, fmt.Errorf("select mechanism: %w", err)
	}
	s.cfg.Logger.Debug("mechanism selected", "mechanism", m.Name(), "bound-before", s.bound)
	return m, nil
}

// selection is one run of Select.
type selection struct {
	cfg      Config
	username string
	minimum  int
	offered  []string
	bindings []string
	cs       tls.ConnectionState
	offer    string // name of the offer in History
	bound    string // binding this connection must live up to, or ""
}

func newSelection(cfg Config, offered, bindings []string, cs tls.ConnectionState) (*selection, error) {
	if cfg.MinIterations < DefaultMinIterations {
		cfg.MinIterations = DefaultMinIterations
	}
	if cfg.MaxIterations <= 0 {
		cfg.MaxIterations = DefaultMaxIterations
	}
	if cfg.Context == nil {
		cfg.Context = context.Background()
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if len(cfg.Password) == 0 && cfg.Keys == nil {
		return nil, ErrPasswordNeeded
	}
	username, err := saslprep(cfg.Username)
	if err == nil && username == "" {
		err = ErrCharacters
	}
	if err == nil {
		_, err = saslprep(cfg.AuthzID)
	}
	if err != nil {
		return nil, fmt.Errorf("prepare name: %w", err)
	}
	s := &selection{
		cfg: cfg, username: username, offered: offered, bindings: bindings, cs: cs,
		offer: base64.RawStdEncoding.EncodeToString(offerHash(sha256.New, offered, bindings)),
	}
	// tls-unique is not defined for TLS 1.3 (RFC 9266), so having used it says
	// nothing about such a connection.
	if cfg.History.Bound != bindUnique || cs.Version < tls.VersionTLS13 {
		s.bound = cfg.History.Bound
	}
	if cfg.Minimum != "" {
		i := slices.IndexFunc(families, func(f family) bool { return f.name == cfg.Minimum })
		if i < 0 {
			return nil, fmt.Errorf("read minimum mechanism: %w", ErrNoMechanism)
		}
		s.minimum = families[i].strength
	}
	return s, nil
}

func (s *selection) choose() (Mechanism, error) {
	offersPlus := slices.ContainsFunc(s.offered, func(n string) bool {
		return strings.HasPrefix(n, "SCRAM-") && strings.HasSuffix(n, plus)
	})
	offersScram := slices.ContainsFunc(s.offered, func(n string) bool { return strings.HasPrefix(n, "SCRAM-") })
	if !offersScram {
		return s.plain()
	}
	if s.cfg.Binding == BindingOff {
		return s.unbound("n", offerChecked)
	}
	if !offersPlus {
		return s.withoutPlus()
	}
	if s.cfg.SASL2 && len(s.bindings) == 0 {
		return nil, fmt.Errorf("types of channel binding are missing (XEP-0440): %w", ErrDowngrade)
	}
	return s.withPlus()
}

// withoutPlus is for an offer without channel binding. The flag "y" makes an
// honest server refuse if it did offer some (RFC 5802 section 6).
func (s *selection) withoutPlus() (Mechanism, error) {
	switch {
	case s.cfg.Binding == BindingRequire:
		return nil, ErrBindingRequired
	case s.cfg.SASL2 && len(s.bindings) > 0:
		return nil, fmt.Errorf("mechanisms with channel binding are missing (XEP-0440): %w", ErrDowngrade)
	case s.bound != "":
		return s.unbound("y", offerSigned)
	}
	return s.unbound("y", offerChecked)
}

// withPlus is for an offer with channel binding.
func (s *selection) withPlus() (Mechanism, error) {
	mustBind := s.cfg.Binding == BindingRequire || s.bound != ""
	_, unbound := s.family("")
	f, usable := s.family(plus)
	if usable {
		types := s.candidates(false)
		if len(types) == 0 && mustBind {
			types = s.candidates(true)
		}
		if len(types) > 0 {
			m := s.scram(f, gs2{flag: "p=" + types[0], binding: types[0], data: bindingData(types[0], s.cs)}, offerChecked)
			if bindingStrength(types[0]) < bindingStrength(s.bound) {
				m.p.policy = offerSigned
			}
			m.p.alternative = unbound && !mustBind || slices.ContainsFunc(types[1:], func(n string) bool {
				return bindingStrength(n) >= bindingStrength(s.bound)
			})
			return m, nil
		}
	}
	known := slices.ContainsFunc(s.bindings, func(b string) bool { return bindingStrength(b) > 0 })
	switch {
	case s.cfg.Binding == BindingRequire:
		return nil, ErrBindingRequired
	case usable && s.anyBroken() && s.bound == "":
		return s.unbound("n", offerUnsigned)
	case s.bound != "" || len(s.bindings) > 0 && !known:
		// XEP-0440: a list without tls-server-end-point was tampered with,
		// unless the server signs it (XEP-0474).
		return s.unbound("n", offerSigned)
	}
	return s.unbound("n", offerChecked)
}

// candidates are the types that the server announced, or may know, for which
// this connection has data, strongest first; those that failed before are left
// out unless asked for.
func (s *selection) candidates(broken bool) []string {
	types := guessed(s.cs)
	if len(s.bindings) > 0 {
		types = slices.DeleteFunc(slices.Clone(bindingTypes), func(n string) bool {
			return !slices.Contains(s.bindings, n)
		})
	}
	return slices.DeleteFunc(types, func(n string) bool {
		return !broken && s.cfg.History.broken(n, s.offer) || len(bindingData(n, s.cs)) == 0
	})
}

// anyBroken tells whether a failure, and not the lack of a common type, is why
// there is no binding.
func (s *selection) anyBroken() bool {
	return s.cfg.History.Offer == s.offer && len(s.cfg.History.Broken) > 0
}

// family returns the strongest family on offer, with a suffix to its name.
func (s *selection) family(suffix string) (family, bool) {
	for _, f := range families {
		if f.strength >= s.minimum && slices.Contains(s.offered, f.name+suffix) {
			return f, true
		}
	}
	return family{}, false
}

func (s *selection) unbound(flag string, policy proofPolicy) (Mechanism, error) {
	f, ok := s.family("")
	if !ok {
		return nil, ErrNoMechanism
	}
	return s.scram(f, gs2{flag: flag}, policy), nil
}

func (s *selection) scram(f family, g gs2, policy proofPolicy) *scram {
	g.authzID = s.cfg.AuthzID
	return &scram{p: scramParams{
		family: f, gs2: g, policy: policy,
		username: s.username, password: s.cfg.Password, cache: s.cfg.Keys,
		minIterations: s.cfg.MinIterations, maxIterations: s.cfg.MaxIterations,
		offer: offerHash(f.hash, s.offered, s.bindings), offerID: s.offer, bound: s.bound,
		ctx: s.cfg.Context, rand: s.cfg.Rand,
	}}
}

// plain is for an offer without SCRAM.
func (s *selection) plain() (Mechanism, error) {
	switch {
	case !slices.Contains(s.offered, plainName):
		return nil, ErrNoMechanism
	case s.cfg.History.SCRAM:
		return nil, fmt.Errorf("only PLAIN is left: %w", ErrDowngrade)
	case s.cfg.Binding == BindingRequire:
		return nil, ErrBindingRequired
	case !s.cfg.AllowPlain || s.cfg.Minimum != "":
		return nil, ErrPlainRefused
	case len(s.cfg.Password) == 0:
		return nil, ErrPasswordNeeded
	}
	return &plain{authzID: s.cfg.AuthzID, username: s.cfg.Username, password: s.cfg.Password}, nil
}
