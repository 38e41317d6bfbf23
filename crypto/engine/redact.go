// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// State is a serialised session, opaque to everybody but the engine that made
// it, and secret. It redacts itself in fmt, slog and json; convert it to []byte
// to store it.
type State []byte

// String is "[redacted]".
func (State) String() string { return redacted }

// GoString is "[redacted]".
func (State) GoString() string { return redacted }

// Format writes "[redacted]" for every verb.
func (State) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue is "[redacted]".
func (State) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON writes "[redacted]".
func (State) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// String is "[redacted]".
func (PrivateKey) String() string { return redacted }

// GoString is "[redacted]".
func (PrivateKey) GoString() string { return redacted }

// Format writes "[redacted]" for every verb.
func (PrivateKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue is "[redacted]".
func (PrivateKey) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON writes "[redacted]".
func (PrivateKey) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// Format writes the public part only.
func (k IdentityKey) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "identity(%d %s)", k.RegistrationID, k.Public)
}

// LogValue is the public part only.
func (k IdentityKey) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(k)) }

// Format writes the public part only.
func (k PreKey) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "prekey(%d)", k.ID) }

// LogValue is the id only.
func (k PreKey) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(k)) }

// Format writes "[redacted]" for every verb.
func (Session) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue is "[redacted]".
func (Session) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON writes "[redacted]".
func (Session) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// Format writes "[redacted]" for every verb.
func (SenderChain) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue is "[redacted]".
func (SenderChain) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON writes "[redacted]".
func (SenderChain) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// Format writes "[redacted]" for every verb.
func (ReceiverChain) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue is "[redacted]".
func (ReceiverChain) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON writes "[redacted]".
func (ReceiverChain) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// Format writes "[redacted]" for every verb.
func (SkippedKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue is "[redacted]".
func (SkippedKey) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON writes "[redacted]".
func (SkippedKey) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }
