// SPDX-License-Identifier: MPL-2.0

package sasl

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// Password is a secret in UTF-8 which shows itself to no printer, logger or
// encoder. The bytes stay the caller's.
type Password []byte

// String returns a placeholder.
func (Password) String() string { return redacted }

// GoString returns a placeholder.
func (Password) GoString() string { return redacted }

// Format writes a placeholder for every verb.
func (Password) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// LogValue returns a placeholder.
func (Password) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns a placeholder; JSON and XML use it too.
func (Password) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Wipe overwrites the bytes with zeros.
func (p Password) Wipe() { clear(p) }
