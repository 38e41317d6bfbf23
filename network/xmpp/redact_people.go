// SPDX-License-Identifier: MPL-2.0

package xmpp

import (
	"fmt"
	"log/slog"
)

// Who is blocked and why, what people say of themselves, and what opens an
// account or a contact list shows itself as little as a message does.

// Format writes what r is, without its content.
func (r Report) Format(s fmt.State, _ rune) { redact(s, "report") }

// LogValue is what r is, without its content.
func (r Report) LogValue() slog.Value { return slog.StringValue("report" + redacted) }

// MarshalText returns what r is, without its content.
func (r Report) MarshalText() ([]byte, error) { return []byte("report" + redacted), nil }

// Format writes what a is, without its content.
func (a Avatar) Format(s fmt.State, _ rune) { redact(s, "avatar") }

// LogValue is what a is, without its content.
func (a Avatar) LogValue() slog.Value { return slog.StringValue("avatar" + redacted) }

// MarshalText returns what a is, without its content.
func (a Avatar) MarshalText() ([]byte, error) { return []byte("avatar" + redacted), nil }

// Format writes what p is, without its content.
func (p PushService) Format(s fmt.State, _ rune) { redact(s, "push service") }

// LogValue is what p is, without its content.
func (p PushService) LogValue() slog.Value { return slog.StringValue("push service" + redacted) }

// MarshalText returns what p is, without its content.
func (p PushService) MarshalText() ([]byte, error) { return []byte("push service" + redacted), nil }

// Format writes what i is, without its content.
func (i ServerInvite) Format(s fmt.State, _ rune) { redact(s, "invitation") }

// LogValue is what i is, without its content.
func (i ServerInvite) LogValue() slog.Value { return slog.StringValue("invitation" + redacted) }

// MarshalText returns what i is, without its content.
func (i ServerInvite) MarshalText() ([]byte, error) { return []byte("invitation" + redacted), nil }

// Format writes what s is, without its content.
func (s ExternalService) Format(f fmt.State, _ rune) { redact(f, "external service") }

// LogValue is what s is, without its content.
func (s ExternalService) LogValue() slog.Value {
	return slog.StringValue("external service" + redacted)
}

// MarshalText returns what s is, without its content.
func (s ExternalService) MarshalText() ([]byte, error) {
	return []byte("external service" + redacted), nil
}
