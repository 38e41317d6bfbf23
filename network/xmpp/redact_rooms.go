// SPDX-License-Identifier: MPL-2.0

package xmpp

import (
	"fmt"
	"log/slog"
)

// What rooms are called, who is in them, what is said there and what it takes
// to get in shows itself as little as a message does.

// Format writes what o is, without its content.
func (o JoinOptions) Format(s fmt.State, _ rune) { redact(s, "join options") }

// LogValue is what o is, without its content.
func (o JoinOptions) LogValue() slog.Value { return slog.StringValue("join options" + redacted) }

// MarshalText returns what o is, without its content.
func (o JoinOptions) MarshalText() ([]byte, error) { return []byte("join options" + redacted), nil }

// Format writes what m is, without its content.
func (m RoomMessage) Format(s fmt.State, _ rune) { redact(s, "room message") }

// LogValue is what m is, without its content.
func (m RoomMessage) LogValue() slog.Value { return slog.StringValue("room message" + redacted) }

// MarshalText returns what m is, without its content.
func (m RoomMessage) MarshalText() ([]byte, error) { return []byte("room message" + redacted), nil }

// Format writes what i is, without its content.
func (i Invite) Format(s fmt.State, _ rune) { redact(s, "invitation") }

// LogValue is what i is, without its content.
func (i Invite) LogValue() slog.Value { return slog.StringValue("invitation" + redacted) }

// MarshalText returns what i is, without its content.
func (i Invite) MarshalText() ([]byte, error) { return []byte("invitation" + redacted), nil }

// Format writes what d is, without its content.
func (d Declined) Format(s fmt.State, _ rune) { redact(s, "declined invitation") }

// LogValue is what d is, without its content.
func (d Declined) LogValue() slog.Value { return slog.StringValue("declined invitation" + redacted) }

// MarshalText returns what d is, without its content.
func (d Declined) MarshalText() ([]byte, error) { return []byte("declined invitation" + redacted), nil }

// Format writes what b is, without its content.
func (b Bookmark) Format(s fmt.State, _ rune) { redact(s, "bookmark") }

// LogValue is what b is, without its content.
func (b Bookmark) LogValue() slog.Value { return slog.StringValue("bookmark" + redacted) }

// MarshalText returns what b is, without its content.
func (b Bookmark) MarshalText() ([]byte, error) { return []byte("bookmark" + redacted), nil }

// Format writes what x is, without its content.
func (x RoomSettings) Format(s fmt.State, _ rune) { redact(s, "room settings") }

// LogValue is what x is, without its content.
func (x RoomSettings) LogValue() slog.Value { return slog.StringValue("room settings" + redacted) }

// MarshalText returns what x is, without its content.
func (x RoomSettings) MarshalText() ([]byte, error) { return []byte("room settings" + redacted), nil }

// Format writes what d is, without its content.
func (d RoomDestroyed) Format(s fmt.State, _ rune) { redact(s, "destroyed room") }

// LogValue is what d is, without its content.
func (d RoomDestroyed) LogValue() slog.Value { return slog.StringValue("destroyed room" + redacted) }

// MarshalText returns what d is, without its content.
func (d RoomDestroyed) MarshalText() ([]byte, error) { return []byte("destroyed room" + redacted), nil }

// Format writes what c is, without its content.
func (c RoomChange) Format(s fmt.State, _ rune) { redact(s, "room change") }

// LogValue is what c is, without its content.
func (c RoomChange) LogValue() slog.Value { return slog.StringValue("room change" + redacted) }

// MarshalText returns what c is, without its content.
func (c RoomChange) MarshalText() ([]byte, error) { return []byte("room change" + redacted), nil }

// Format writes what o is, without its content.
func (o Occupant) Format(s fmt.State, _ rune) { redact(s, "occupant") }

// LogValue is what o is, without its content.
func (o Occupant) LogValue() slog.Value { return slog.StringValue("occupant" + redacted) }

// MarshalText returns what o is, without its content.
func (o Occupant) MarshalText() ([]byte, error) { return []byte("occupant" + redacted), nil }

// Format writes what i is, without its content.
func (i RoomItem) Format(s fmt.State, _ rune) { redact(s, "room item") }

// LogValue is what i is, without its content.
func (i RoomItem) LogValue() slog.Value { return slog.StringValue("room item" + redacted) }

// MarshalText returns what i is, without its content.
func (i RoomItem) MarshalText() ([]byte, error) { return []byte("room item" + redacted), nil }

// Format writes what m is, without its content.
func (m Moderation) Format(s fmt.State, _ rune) { redact(s, "moderation") }

// LogValue is what m is, without its content.
func (m Moderation) LogValue() slog.Value { return slog.StringValue("moderation" + redacted) }

// MarshalText returns what m is, without its content.
func (m Moderation) MarshalText() ([]byte, error) { return []byte("moderation" + redacted), nil }

// Format writes what i is, without its content.
func (i RoomInfo) Format(s fmt.State, _ rune) { redact(s, "room info") }

// LogValue is what i is, without its content.
func (i RoomInfo) LogValue() slog.Value { return slog.StringValue("room info" + redacted) }

// MarshalText returns what i is, without its content.
func (i RoomInfo) MarshalText() ([]byte, error) { return []byte("room info" + redacted), nil }

// Format writes what v is, without its content.
func (v VoiceRequest) Format(s fmt.State, _ rune) { redact(s, "voice request") }

// LogValue is what v is, without its content.
func (v VoiceRequest) LogValue() slog.Value { return slog.StringValue("voice request" + redacted) }

// MarshalText returns what v is, without its content.
func (v VoiceRequest) MarshalText() ([]byte, error) { return []byte("voice request" + redacted), nil }

// Format writes what a is, without its content.
func (a RoomAvatar) Format(s fmt.State, _ rune) { redact(s, "room avatar") }

// LogValue is what a is, without its content.
func (a RoomAvatar) LogValue() slog.Value { return slog.StringValue("room avatar" + redacted) }

// MarshalText returns what a is, without its content.
func (a RoomAvatar) MarshalText() ([]byte, error) { return []byte("room avatar" + redacted), nil }

// Format writes what r is, without who is in it.
func (r *Room) Format(s fmt.State, _ rune) { redact(s, "room") }

// LogValue is what r is, without who is in it.
func (r *Room) LogValue() slog.Value { return slog.StringValue("room" + redacted) }
