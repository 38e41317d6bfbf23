// SPDX-License-Identifier: MPL-2.0

package main

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/confab-im/confab/core"
)

// codedError is an error of this program. As those of the SDK it has a stable
// code, which core.ErrorCode finds.
type codedError struct{ code, text string }

func (e *codedError) Error() string { return e.text }

// Code returns the stable code.
func (e *codedError) Code() string { return "quickstart." + e.code }

var (
	errNoAccount      = &codedError{"no-account", "no account: sign in first"}
	errWhichAccount   = &codedError{"which-account", "there are several accounts: name one"}
	errUnknownCommand = &codedError{"unknown-command", "unknown command"}
	errUnknownState   = &codedError{"unknown-state", "unknown state"}
	errLineTooLong    = &codedError{"line-too-long", fmt.Sprintf("line is longer than %d bytes", maxLine)}
	errNoChat         = &codedError{"no-chat", "no chat is open: /chat JID"}
	errNoRoom         = &codedError{"no-room", "the open chat is not a room"}
	errQuit           = errors.New("quit")
)

// fileError is about a file that is named on the command line. Its code is
// quickstart.file.
func fileError(doing string, err error) error {
	return &codedError{"file", fmt.Sprintf("%s: %v", doing, err)}
}

func usageError(format string, args ...any) error {
	return &codedError{"usage", fmt.Sprintf(format, args...)}
}

// describe makes one line of an error.
func describe(err error) string {
	return oneLine(err.Error()) + " [" + core.ErrorCode(err) + "]"
}

// oneLine keeps a text on its line.
func oneLine(text string) string {
	return visible(strings.Join(strings.FieldsFunc(text, isLineEnd), "; "))
}

// visible keeps what others have written from steering the terminal: it
// replaces control characters, those that turn the direction of writing among
// them, and indents further lines, so that none looks like one of ours.
func visible(text string) string {
	var sb strings.Builder
	for _, r := range text {
		switch {
		case isLineEnd(r):
			sb.WriteString("\n    ")
		case r == '\t':
			sb.WriteByte(' ')
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
			sb.WriteRune(unicode.ReplacementChar)
		default:
			sb.WriteRune(r)
		}
	}
	return sb.String()
}

func isLineEnd(r rune) bool { return r == '\n' || r == '\u2028' || r == '\u2029' }
