// SPDX-License-Identifier: MPL-2.0

package xmpp

import (
	"fmt"
	"log/slog"
)

// The parts of a message show no more of themselves than the message does. The
// address and the key of a file are enough to read it.

// Format writes what c is, without its content.
func (c Content) Format(s fmt.State, _ rune) { redact(s, "content") }

// LogValue is what c is, without its content.
func (c Content) LogValue() slog.Value { return slog.StringValue("content" + redacted) }

// MarshalText returns what c is, without its content.
func (c Content) MarshalText() ([]byte, error) { return []byte("content" + redacted), nil }

// Format writes what r is, without its content.
func (r Reactions) Format(s fmt.State, _ rune) { redact(s, "reactions") }

// LogValue is what r is, without its content.
func (r Reactions) LogValue() slog.Value { return slog.StringValue("reactions" + redacted) }

// MarshalText returns what r is, without its content.
func (r Reactions) MarshalText() ([]byte, error) { return []byte("reactions" + redacted), nil }

// Format writes what r is, without its content.
func (r Reference) Format(s fmt.State, _ rune) { redact(s, "reference") }

// LogValue is what r is, without its content.
func (r Reference) LogValue() slog.Value { return slog.StringValue("reference" + redacted) }

// MarshalText returns what r is, without its content.
func (r Reference) MarshalText() ([]byte, error) { return []byte("reference" + redacted), nil }

// Format writes what o is, without its content.
func (o OOB) Format(s fmt.State, _ rune) { redact(s, "link") }

// LogValue is what o is, without its content.
func (o OOB) LogValue() slog.Value { return slog.StringValue("link" + redacted) }

// MarshalText returns what o is, without its content.
func (o OOB) MarshalText() ([]byte, error) { return []byte("link" + redacted), nil }

// Format writes what x is, without its content.
func (x Spoiler) Format(s fmt.State, _ rune) { redact(s, "spoiler") }

// LogValue is what x is, without its content.
func (x Spoiler) LogValue() slog.Value { return slog.StringValue("spoiler" + redacted) }

// MarshalText returns what x is, without its content.
func (x Spoiler) MarshalText() ([]byte, error) { return []byte("spoiler" + redacted), nil }

// Format writes what v is, without its content.
func (v Visible) Format(s fmt.State, _ rune) { redact(s, "text") }

// LogValue is what v is, without its content.
func (v Visible) LogValue() slog.Value { return slog.StringValue("text" + redacted) }

// MarshalText returns what v is, without its content.
func (v Visible) MarshalText() ([]byte, error) { return []byte("text" + redacted), nil }

// Format writes what f is, without its content.
func (f SharedFile) Format(s fmt.State, _ rune) { redact(s, "file") }

// LogValue is what f is, without its content.
func (f SharedFile) LogValue() slog.Value { return slog.StringValue("file" + redacted) }

// MarshalText returns what f is, without its content.
func (f SharedFile) MarshalText() ([]byte, error) { return []byte("file" + redacted), nil }

// Format writes what f is, without its content.
func (f FileInfo) Format(s fmt.State, _ rune) { redact(s, "file") }

// LogValue is what f is, without its content.
func (f FileInfo) LogValue() slog.Value { return slog.StringValue("file" + redacted) }

// MarshalText returns what f is, without its content.
func (f FileInfo) MarshalText() ([]byte, error) { return []byte("file" + redacted), nil }

// Format writes what x is, without its content.
func (x FileSource) Format(s fmt.State, _ rune) { redact(s, "file source") }

// LogValue is what x is, without its content.
func (x FileSource) LogValue() slog.Value { return slog.StringValue("file source" + redacted) }

// MarshalText returns what x is, without its content.
func (x FileSource) MarshalText() ([]byte, error) { return []byte("file source" + redacted), nil }

// Format writes what e is, without its content.
func (e EncryptedSource) Format(s fmt.State, _ rune) { redact(s, "file source") }

// LogValue is what e is, without its content.
func (e EncryptedSource) LogValue() slog.Value { return slog.StringValue("file source" + redacted) }

// MarshalText returns what e is, without its content.
func (e EncryptedSource) MarshalText() ([]byte, error) { return []byte("file source" + redacted), nil }

// Format writes what t is, without its content.
func (t Thumbnail) Format(s fmt.State, _ rune) { redact(s, "thumbnail") }

// LogValue is what t is, without its content.
func (t Thumbnail) LogValue() slog.Value { return slog.StringValue("thumbnail" + redacted) }

// MarshalText returns what t is, without its content.
func (t Thumbnail) MarshalText() ([]byte, error) { return []byte("thumbnail" + redacted), nil }

// Format writes what x is, without its content.
func (x Slot) Format(s fmt.State, _ rune) { redact(s, "upload slot") }

// LogValue is what x is, without its content.
func (x Slot) LogValue() slog.Value { return slog.StringValue("upload slot" + redacted) }

// MarshalText returns what x is, without its content.
func (x Slot) MarshalText() ([]byte, error) { return []byte("upload slot" + redacted), nil }

// Format writes what x is, without its content.
func (x UploadRequest) Format(s fmt.State, _ rune) { redact(s, "upload") }

// LogValue is what x is, without its content.
func (x UploadRequest) LogValue() slog.Value { return slog.StringValue("upload" + redacted) }

// MarshalText returns what x is, without its content.
func (x UploadRequest) MarshalText() ([]byte, error) { return []byte("upload" + redacted), nil }
