// SPDX-License-Identifier: MPL-2.0

package sasl

import (
	"context"
	"io"
	"log/slog"
)

// Mechanism is one run of one SASL mechanism, for SASL in RFC 6120 as well as
// in XEP-0388. It is used once, by one goroutine: Start, then Next for every
// challenge, then Done when the server reports success. After an error every
// further call fails.
type Mechanism interface {
	// Name is the name to send, such as "SCRAM-SHA-256-PLUS".
	Name() string
	// Start returns the initial response; it is never empty.
	Start() (initial []byte, err error)
	// Next answers a challenge. For SCRAM it may compute for seconds.
	Next(challenge []byte) (response []byte, err error)
	// Done takes the data which came with the server's success, nil when
	// there was none. Only when it returns nil is the server authenticated.
	Done(success []byte) error
}

// BindingPolicy says how much channel binding matters.
type BindingPolicy uint8

const (
	// BindingPrefer binds where both sides can. See the package comment for
	// the one way back to a sign-in without it.
	BindingPrefer BindingPolicy = iota
	// BindingRequire never signs in without it.
	BindingRequire
	// BindingOff never uses it: for a server behind a proxy that ends TLS,
	// when the person decided so.
	BindingOff
)

// Bounds of the PBKDF2 iteration count.
const (
	// DefaultMinIterations is the floor of RFC 5802 section 5.1 and RFC 7677
	// section 4. A count below it would make it cheap to guess the password
	// from one recorded proof.
	DefaultMinIterations = 4096
	// DefaultMaxIterations is a bit less than four times the highest count in
	// common advice (1.3 million for SHA-1). It costs one to three seconds on
	// a phone, once: then the keys are cached. More is a server that wants to
	// empty the battery.
	DefaultMaxIterations = 5_000_000
)

// Config describes one sign-in. The zero value of every field but Username
// and Password is usable.
type Config struct {
	// Username is the local part of the account's address.
	Username string
	// AuthzID is the identity to act as; nearly always empty.
	AuthzID string
	// Password may be nil when Keys holds the keys for the server's salt.
	Password Password
	// Keys remembers derived keys across sign-ins; nil derives every time.
	Keys KeyCache

	// AllowPlain accepts PLAIN, which discloses the password to the server,
	// when nothing better is offered.
	AllowPlain bool
	// Binding is the policy on channel binding.
	Binding BindingPolicy
	// Minimum is the weakest acceptable mechanism: "SCRAM-SHA-1" (also when
	// empty), "SCRAM-SHA-256" or "SCRAM-SHA-512". It also rules out PLAIN
	// when not empty.
	Minimum string
	// SASL2 says that offered comes from XEP-0388, for which XEP-0440 is
	// stricter.
	SASL2 bool
	// History is what earlier sign-ins of the account taught.
	History History

	// MinIterations and MaxIterations bound the server's iteration count;
	// 0 means the defaults. MinIterations below 4096 is raised to it.
	MinIterations, MaxIterations int
	// Context ends a running key derivation; nil never does.
	Context context.Context
	// Rand is the source of nonces; nil is crypto/rand.
	Rand io.Reader
	// Logger gets the choice that was made; nil discards. It never gets a
	// name, a password, a key or a message.
	Logger *slog.Logger
}
