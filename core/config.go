// SPDX-License-Identifier: MPL-2.0

package core

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"log/slog"
	"math"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/network/xmpp/dial"
	"mellium.im/xmpp/jid"
)

// Config says how to open a Client. Path and one of Key and Passphrase are
// needed; every other zero value is a good choice.
type Config struct {
	// Path is the database file. Its folder must exist. Files of the same
	// name with the suffixes -wal, -shm, .lock and .key stand beside it.
	Path string
	// Key is the raw database key, 32 bytes, as a platform's key store keeps
	// it. It is copied; the caller may wipe its own.
	Key []byte
	// Passphrase unlocks a random key that is kept, wrapped by Argon2id,
	// beside the database. Used when Key is empty.
	Passphrase []byte
	// PlaintextHeader leaves the first 32 bytes of the file readable, as iOS
	// demands of a database in an app group's container. It cannot be changed
	// later.
	PlaintextHeader bool

	// Engine makes and runs OMEMO sessions. Nil is crypto/ratchet, which speaks
	// OMEMO 2 and 0.3 and is right for nearly every app. Sessions survive a
	// change from one engine to another.
	Engine engine.Engine
	// Healing says what happens by itself when encrypted sessions do not fit
	// any more. Account.RepairSession is there in any case.
	Healing HealingPolicy

	// MediaDir is the folder for the files of messages, encrypted one by one.
	// Empty is Path with ".media" after it. It belongs to this database alone:
	// what no message has is removed from it. Backup does not copy it.
	MediaDir string
	// Downloads says what is fetched of what others share.
	Downloads DownloadPolicy

	// RootCAs replaces the system's certificate authorities for every
	// account: for servers inside an organisation, and for tests.
	RootCAs *x509.CertPool
	// AllowPlain lets a password be sent as it is to servers that offer
	// nothing better than SASL PLAIN; inside verified TLS even then.
	AllowPlain bool

	// ClearReactions sends reactions unencrypted to people with devices that
	// cannot get them otherwise, as most apps do: servers on the way read them.
	// Without it such people get an encrypted answer with the emoji. See React.
	ClearReactions bool

	// Logger gets what happens, without bodies, keys, passwords, stanzas or
	// phone numbers at any level. Nil logs nothing.
	Logger *slog.Logger
	// Now is the clock for everything that is stored. Nil is time.Now.
	Now func() time.Time
}

// DownloadPolicy says what is fetched of what others share. Whoever chose the
// address of a file learns from a fetch where this device is and when it was
// on, unless the account has a Proxy.
type DownloadPolicy struct {
	// Pictures of contacts up to this size in bytes are fetched without asking;
	// none when 0. Those of anybody else, and other files, never are.
	Pictures int64
	// MaxSize bounds every file that is fetched, in bytes: 1 GiB when 0.
	MaxSize int64
	// AllowPrivate lets fetches without asking lead to this device itself and
	// into private networks, for servers inside an organisation and for tests.
	AllowPrivate bool
}

// AccountConfig describes an XMPP account to sign in with or to register.
type AccountConfig struct {
	// JID is the bare address, "alice@example.org".
	JID string
	// Password is UTF-8 text without control characters, up to MaxPassword
	// bytes. It is kept in the encrypted database.
	Password []byte

	// Host and Port override what the domain's SRV records say; a Port alone
	// is one of the domain itself. The certificate must still name the JID's
	// domain. Port 0 with a Host means 5222, or 5223 with DirectTLS.
	Host string
	Port int
	// DirectTLS starts TLS with the connection (XEP-0368) instead of
	// STARTTLS, with an explicit Host only.
	DirectTLS bool
	// Proxy is a SOCKS5 proxy, "127.0.0.1:9050", "localhost:9050" or
	// "unix:/path". With it no name is looked up here, and every account gets
	// a circuit of its own from Tor.
	Proxy string
	// Pins name keys or certificates, "spki-sha256:" or "cert-sha256:" and the
	// hash in base64 or hexadecimal. With any, one must be in the server's
	// chain, in addition to the usual verification.
	Pins []string
}

// MaxPassword is the longest password, in bytes.
const MaxPassword = 1024

func checkPassword(password []byte) error {
	switch {
	case len(password) == 0:
		return ErrNoPassword
	case len(password) > MaxPassword, !utf8.Valid(password), bytes.ContainsFunc(password, unicode.IsControl):
		return ErrBadPassword
	}
	return nil
}

// check refuses what could never work, before anything is asked of a server,
// and returns the address.
func (c *AccountConfig) check() (jid.JID, error) {
	address, err := jid.Parse(c.JID)
	if err != nil || address.Localpart() == "" || address.Resourcepart() != "" {
		return jid.JID{}, ErrBadAddress
	}
	if err := checkPassword(c.Password); err != nil {
		return jid.JID{}, err
	}
	for _, pin := range c.Pins {
		if _, err := dial.ParsePin(pin); err != nil {
			return jid.JID{}, ErrBadPin
		}
	}
	if c.Port < 0 || c.Port > math.MaxUint16 {
		return jid.JID{}, ErrBadPort
	}
	if c.DirectTLS && c.Host == "" {
		return jid.JID{}, ErrNoHost
	}
	way := dial.Config{Domain: address.Domainpart()}
	if _, err := dial.New(way); err != nil {
		return jid.JID{}, ErrBadAddress
	}
	way.Host = c.Host
	if _, err := dial.New(way); err != nil {
		return jid.JID{}, ErrBadHost
	}
	if c.Proxy != "" {
		way.Proxy = &dial.Proxy{Address: c.Proxy}
	}
	if _, err := dial.New(way); err != nil {
		return jid.JID{}, ErrBadProxy
	}
	return address, nil
}

// Format keeps the password out of whatever is printed, with every verb.
func (c AccountConfig) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "account at %s", c.Host) }

// Format keeps the key and the passphrase out of whatever is printed.
func (c Config) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "client at %s", c.Path) }
