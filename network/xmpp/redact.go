// SPDX-License-Identifier: MPL-2.0

package xmpp

import (
	"fmt"
	"io"
	"log/slog"
)

// What people write and their passwords must not get into a log by accident:
// the types that hold them show nothing but what they are, to fmt with any
// verb, to slog and to encoders of text and JSON.

const redacted = " [redacted]"

func redact(s fmt.State, what string) { _, _ = io.WriteString(s, what+redacted) }

// Format writes what m is, without its content.
func (m Message) Format(s fmt.State, _ rune) { redact(s, "message") }

// LogValue is what m is, without its content.
func (m Message) LogValue() slog.Value { return slog.StringValue("message" + redacted) }

// MarshalText returns what m is, without its content.
func (m Message) MarshalText() ([]byte, error) { return []byte("message" + redacted), nil }

// Format writes what p is, without its content.
func (p Presence) Format(s fmt.State, _ rune) { redact(s, "presence") }

// LogValue is what p is, without its content.
func (p Presence) LogValue() slog.Value { return slog.StringValue("presence" + redacted) }

// MarshalText returns what p is, without its content.
func (p Presence) MarshalText() ([]byte, error) { return []byte("presence" + redacted), nil }

// Format writes what x is, without its content.
func (x Field) Format(s fmt.State, _ rune) { redact(s, "field") }

// LogValue is what x is, without its content.
func (x Field) LogValue() slog.Value { return slog.StringValue("field" + redacted) }

// MarshalText returns what x is, without its content.
func (x Field) MarshalText() ([]byte, error) { return []byte("field" + redacted), nil }

// Format writes what o is, without its content.
func (o RegisterOptions) Format(s fmt.State, _ rune) { redact(s, "registration") }

// LogValue is what o is, without its content.
func (o RegisterOptions) LogValue() slog.Value { return slog.StringValue("registration" + redacted) }

// MarshalText returns what o is, without its content.
func (o RegisterOptions) MarshalText() ([]byte, error) { return []byte("registration" + redacted), nil }
