// SPDX-License-Identifier: MPL-2.0

// XEP-0454: OMEMO Media sharing

package media

import (
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
)

// Scheme is that of the addresses of encrypted files. They must never be opened
// by anything else, nor be shown as links: the key is in the fragment.
const Scheme = "aesgcm"

// Bounds of what is read, in bytes.
const (
	maxURL       = 4096
	MaxThumbnail = 48 << 10 // of the JPEG; senders keep to about 5 KiB
)

// A Link says where an encrypted file is and how to open it.
type Link struct {
	// URL is the https: address of the encrypted file, without the key.
	URL string
	Key Key
}

// ParseLink reads an aesgcm: address.
//
// Errors: [ErrNotMedia].
func ParseLink(s string) (Link, error) {
	rest, ok := cutScheme(s)
	address, fragment, keyed := strings.Cut(rest, "#")
	if !ok || !keyed || len(s) > maxURL || strings.ContainsFunc(s, notInURL) {
		return Link{}, fmt.Errorf("read media link: %w", ErrNotMedia)
	}
	l := Link{URL: "https://" + address}
	if !usableURL(l.URL) {
		return Link{}, fmt.Errorf("read media link: %w", ErrNotMedia)
	}
	var err error
	if l.Key, err = parseKey(fragment); err != nil {
		return Link{}, fmt.Errorf("read media link: %w", err)
	}
	return l, nil
}

func cutScheme(s string) (rest string, ok bool) {
	const prefix = Scheme + "://"
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return "", false
	}
	return s[len(prefix):], true
}

// notInURL reports white space, control characters and everything that has to
// be escaped.
func notInURL(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"<>\^{|}`+"`", r) }

func usableURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "https" && u.Hostname() != "" && u.User == nil && u.Fragment == ""
}

// AESGCM returns the address with the key, "" when l has no address or a key
// that cannot be written so. It belongs into an encrypted message and nowhere
// else.
func (l Link) AESGCM() string {
	if !usableURL(l.URL) || strings.ContainsAny(l.URL, "#") || !l.Key.usable() {
		return ""
	}
	return Scheme + strings.TrimPrefix(l.URL, "https") + "#" + l.Key.text()
}

// An Attachment is an encrypted file as a message shares it.
type Attachment struct {
	Link
	Thumbnail []byte // a JPEG; nil when there is none
}

// ParseBody reads a message that is nothing but an encrypted file: an aesgcm:
// address and, in a second line, perhaps a JPEG as a data: URI. A message that
// holds anything else is none, XEP-0454 §4.
//
// Errors: [ErrNotMedia].
func ParseBody(body string) (Attachment, error) {
	first, second, two := strings.Cut(body, "\n")
	link, err := ParseLink(first)
	if err != nil {
		return Attachment{}, err
	}
	a := Attachment{Link: link}
	if two {
		if a.Thumbnail, err = parseThumbnail(second); err != nil {
			return Attachment{}, err
		}
	}
	return a, nil
}

// Both forms of the prefix are in use: XEP-0454 shows the first, RFC 2397 §3
// asks for the second.
var thumbnailPrefixes = []string{"data:image/jpeg,", "data:image/jpeg;base64,"}

const jpegStart = "\xff\xd8\xff"

func parseThumbnail(s string) ([]byte, error) {
	for _, prefix := range thumbnailPrefixes {
		text, ok := strings.CutPrefix(s, prefix)
		if !ok || len(text) > base64.StdEncoding.EncodedLen(MaxThumbnail) || strings.ContainsAny(text, "\r\n") {
			continue
		}
		b, err := base64.StdEncoding.Strict().DecodeString(text)
		if err == nil && isJPEG(b) {
			return b, nil
		}
	}
	return nil, fmt.Errorf("read thumbnail: %w", ErrNotMedia)
}

func isJPEG(b []byte) bool {
	return len(b) <= MaxThumbnail && len(b) > len(jpegStart) && string(b[:len(jpegStart)]) == jpegStart
}

// Body writes a message that shares the file.
//
// Errors: [ErrKey], also for an address that cannot be used; [ErrThumbnail].
func (a Attachment) Body() (string, error) {
	body := a.AESGCM()
	if body == "" {
		return "", fmt.Errorf("write media link: %w", ErrKey)
	}
	if a.Thumbnail == nil {
		return body, nil
	}
	if !isJPEG(a.Thumbnail) {
		return "", fmt.Errorf("write media link: %w", ErrThumbnail)
	}
	return body + "\n" + thumbnailPrefixes[1] + base64.StdEncoding.EncodeToString(a.Thumbnail), nil
}

const redactedLink = "media link [redacted]"

// Format writes what l is, without its content.
func (l Link) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redactedLink) }

// LogValue is what l is, without its content.
func (l Link) LogValue() slog.Value { return slog.StringValue(redactedLink) }

// MarshalText returns what l is, without its content.
func (l Link) MarshalText() ([]byte, error) { return []byte(redactedLink), nil }
