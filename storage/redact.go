// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"fmt"
	"io"
	"log/slog"
)

// Every row has String, and Format, LogValue and MarshalText that say the same,
// so that a row in a log, an error or a list of rows shows no content.

// String returns the row's ids.
func (a Account) String() string {
	return fmt.Sprintf("account %d %s", a.ID, redacted)
}

// Format writes the row's ids for every verb.
func (a Account) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, a.String()) }

// LogValue returns the row's ids.
func (a Account) LogValue() slog.Value { return slog.StringValue(a.String()) }

// MarshalText returns the row's ids.
func (a Account) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// String returns the row's ids.
func (c Conversation) String() string {
	return fmt.Sprintf("conversation %d of account %d %s", c.ID, c.AccountID, redacted)
}

// Format writes the row's ids for every verb.
func (c Conversation) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// LogValue returns the row's ids.
func (c Conversation) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalText returns the row's ids.
func (c Conversation) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// String returns the row's ids.
func (m Message) String() string {
	return fmt.Sprintf("message %d of conversation %d %s", m.ID, m.ConversationID, redacted)
}

// Format writes the row's ids for every verb.
func (m Message) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, m.String()) }

// LogValue returns the row's ids.
func (m Message) LogValue() slog.Value { return slog.StringValue(m.String()) }

// MarshalText returns the row's ids.
func (m Message) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// String returns the row's ids.
func (o OutboxRow) String() string {
	return fmt.Sprintf("outbox row %d of account %d, state %d %s", o.ID, o.AccountID, o.State, redacted)
}

// Format writes the row's ids for every verb.
func (o OutboxRow) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, o.String()) }

// LogValue returns the row's ids.
func (o OutboxRow) LogValue() slog.Value { return slog.StringValue(o.String()) }

// MarshalText returns the row's ids.
func (o OutboxRow) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// String returns the row's ids.
func (s Stream) String() string {
	return fmt.Sprintf("stream of account %d, handled %d %s", s.AccountID, s.Handled, redacted)
}

// Format writes the row's ids for every verb.
func (s Stream) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue returns the row's ids.
func (s Stream) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText returns the row's ids.
func (s Stream) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String returns the row's ids.
func (g Gap) String() string {
	return fmt.Sprintf("gap %d of account %d %s", g.ID, g.AccountID, redacted)
}

// Format writes the row's ids for every verb.
func (g Gap) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, g.String()) }

// LogValue returns the row's ids.
func (g Gap) LogValue() slog.Value { return slog.StringValue(g.String()) }

// MarshalText returns the row's ids.
func (g Gap) MarshalText() ([]byte, error) { return []byte(g.String()), nil }

// String returns the row's ids.
func (i RosterItem) String() string {
	return fmt.Sprintf("roster item of account %d %s", i.AccountID, redacted)
}

// Format writes the row's ids for every verb.
func (i RosterItem) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, i.String()) }

// LogValue returns the row's ids.
func (i RosterItem) LogValue() slog.Value { return slog.StringValue(i.String()) }

// MarshalText returns the row's ids.
func (i RosterItem) MarshalText() ([]byte, error) { return []byte(i.String()), nil }
