// SPDX-License-Identifier: MPL-2.0

package testserver

import (
	"fmt"
	"time"
)

// Kind names a server program.
type Kind string

// The servers that can be run.
const (
	Prosody  Kind = "prosody"
	Ejabberd Kind = "ejabberd"
)

// DefaultDomain is the domain served unless [Domain] says otherwise. The .test
// top level is reserved for tests (RFC 6761 section 6.2).
const DefaultDomain = "confab.test"

// settings is what the options change and the templates read.
type settings struct {
	Domain         string
	PlainOnly      bool
	PasswordHash   string // "SHA-1" or "SHA-256"
	NoArchive      bool
	NoManagement   bool // no stream management
	NoRegistration bool
	SASL2          bool
	Nagle          bool
	Debug          bool
	ResumeTime     time.Duration
	ArchivePage    int // largest archive page; 0 is the server's default
	StanzaLimit    int // bytes

	ca *CA
}

// Option changes how a server is set up.
type Option func(*settings)

func newSettings(kind Kind, opts []Option) (settings, error) {
	s := settings{Domain: DefaultDomain, PasswordHash: "SHA-1", ResumeTime: 5 * time.Minute, StanzaLimit: 256 << 10}
	for _, opt := range opts {
		opt(&s)
	}
	if kind != Prosody && kind != Ejabberd {
		return s, fmt.Errorf("set up server: unknown kind %q", kind)
	}
	if kind == Ejabberd && (s.SASL2 || s.Nagle || s.ArchivePage != 0) {
		return s, fmt.Errorf("set up server: SASL2, Nagle and ArchivePage are options of Prosody only")
	}
	return s, nil
}

// Domain sets the served domain.
func Domain(domain string) Option { return func(s *settings) { s.Domain = domain } }

// PlainOnly makes PLAIN the only offered SASL mechanism.
func PlainOnly() Option { return func(s *settings) { s.PlainOnly = true } }

// PasswordHash sets the hash of stored passwords and so of the SCRAM
// mechanisms offered: "SHA-1" (the default) or "SHA-256".
func PasswordHash(hash string) Option { return func(s *settings) { s.PasswordHash = hash } }

// NoMAM leaves out the message archive (XEP-0313).
func NoMAM() Option { return func(s *settings) { s.NoArchive = true } }

// NoSM leaves out stream management (XEP-0198).
func NoSM() Option { return func(s *settings) { s.NoManagement = true } }

// NoIBR leaves out in-band registration (XEP-0077). Register still works.
func NoIBR() Option { return func(s *settings) { s.NoRegistration = true } }

// SASL2 adds SASL2, Bind2, inline stream resumption and FAST (XEP-0388,
// XEP-0386, XEP-0198, XEP-0484). Prosody only.
func SASL2() Option { return func(s *settings) { s.SASL2 = true } }

// Nagle leaves Nagle's algorithm on, as Prosody does by default in the field.
// Prosody only.
func Nagle() Option { return func(s *settings) { s.Nagle = true } }

// Debug makes the server log everything, stanzas included.
func Debug() Option { return func(s *settings) { s.Debug = true } }

// ResumeTime sets for how long an interrupted stream can be resumed; 5 minutes
// by default. Whole seconds.
func ResumeTime(d time.Duration) Option { return func(s *settings) { s.ResumeTime = d } }

// ArchivePage sets the largest page of an archive query; without it the
// server's default of 50 applies. Prosody only.
func ArchivePage(n int) Option { return func(s *settings) { s.ArchivePage = n } }

// StanzaLimit sets the size in bytes above which the server ends the stream
// instead of taking a stanza; 256 KiB by default.
func StanzaLimit(n int) Option { return func(s *settings) { s.StanzaLimit = n } }

// WithCA makes the server's certificate come from ca instead of a fresh
// authority, so that several servers share one.
func WithCA(ca *CA) Option { return func(s *settings) { s.ca = ca } }
