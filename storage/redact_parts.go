// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"fmt"
	"io"
	"log/slog"
)

// The rows that belong to messages, rooms and people, redacted as all are.

// String returns the row's ids.
func (r Reaction) String() string {
	return fmt.Sprintf("reaction to message %d %s", r.MessageID, redacted)
}

// Format writes the row's ids for every verb.
func (r Reaction) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.String()) }

// LogValue returns the row's ids.
func (r Reaction) LogValue() slog.Value { return slog.StringValue(r.String()) }

// MarshalText returns the row's ids.
func (r Reaction) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// String returns the row's ids.
func (e Edit) String() string {
	return fmt.Sprintf("edit of message %d %s", e.MessageID, redacted)
}

// Format writes the row's ids for every verb.
func (e Edit) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, e.String()) }

// LogValue returns the row's ids.
func (e Edit) LogValue() slog.Value { return slog.StringValue(e.String()) }

// MarshalText returns the row's ids.
func (e Edit) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// String returns the row's ids.
func (a Attachment) String() string {
	return fmt.Sprintf("attachment %d of message %d, state %d %s", a.ID, a.MessageID, a.State, redacted)
}

// Format writes the row's ids for every verb.
func (a Attachment) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, a.String()) }

// LogValue returns the row's ids.
func (a Attachment) LogValue() slog.Value { return slog.StringValue(a.String()) }

// MarshalText returns the row's ids.
func (a Attachment) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// String returns the row's ids.
func (p Pending) String() string {
	return fmt.Sprintf("reference %d in conversation %d %s", p.ID, p.ConversationID, redacted)
}

// Format writes the row's ids for every verb.
func (p Pending) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, p.String()) }

// LogValue returns the row's ids.
func (p Pending) LogValue() slog.Value { return slog.StringValue(p.String()) }

// MarshalText returns the row's ids.
func (p Pending) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// String returns the row's ids.
func (d Displayed) String() string {
	return fmt.Sprintf("mark in conversation %d %s", d.ConversationID, redacted)
}

// Format writes the row's ids for every verb.
func (d Displayed) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, d.String()) }

// LogValue returns the row's ids.
func (d Displayed) LogValue() slog.Value { return slog.StringValue(d.String()) }

// MarshalText returns the row's ids.
func (d Displayed) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// String returns the row's ids.
func (r Room) String() string {
	return fmt.Sprintf("room of conversation %d %s", r.ConversationID, redacted)
}

// Format writes the row's ids for every verb.
func (r Room) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.String()) }

// LogValue returns the row's ids.
func (r Room) LogValue() slog.Value { return slog.StringValue(r.String()) }

// MarshalText returns the row's ids.
func (r Room) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// String returns the row's ids.
func (m Member) String() string {
	return fmt.Sprintf("member in conversation %d %s", m.ConversationID, redacted)
}

// Format writes the row's ids for every verb.
func (m Member) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, m.String()) }

// LogValue returns the row's ids.
func (m Member) LogValue() slog.Value { return slog.StringValue(m.String()) }

// MarshalText returns the row's ids.
func (m Member) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// String returns the row's ids.
func (p Profile) String() string {
	return fmt.Sprintf("profile of account %d %s", p.AccountID, redacted)
}

// Format writes the row's ids for every verb.
func (p Profile) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, p.String()) }

// LogValue returns the row's ids.
func (p Profile) LogValue() slog.Value { return slog.StringValue(p.String()) }

// MarshalText returns the row's ids.
func (p Profile) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// String returns the row's ids.
func (a Avatar) String() string {
	return fmt.Sprintf("avatar of %d bytes %s", len(a.Data), redacted)
}

// Format writes the row's ids for every verb.
func (a Avatar) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, a.String()) }

// LogValue returns the row's ids.
func (a Avatar) LogValue() slog.Value { return slog.StringValue(a.String()) }

// MarshalText returns the row's ids.
func (a Avatar) MarshalText() ([]byte, error) { return []byte(a.String()), nil }
