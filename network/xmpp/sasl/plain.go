// SPDX-License-Identifier: MPL-2.0

package sasl

import (
	"bytes"
	"unicode/utf8"
)

const plainName = "PLAIN"

// plain is RFC 4616. Select makes one only inside TLS and only when allowed.
type plain struct {
	authzID, username string
	password          Password
	started, ended    bool
}

// Name returns "PLAIN".
func (p *plain) Name() string { return plainName }

// Start returns the whole of the exchange. The password is sent as it is:
// preparing it is the server's part (RFC 4616 section 2).
func (p *plain) Start() ([]byte, error) {
	if p.started || p.ended {
		return nil, p.fail(ErrState)
	}
	p.started = true
	if len(p.password) == 0 {
		return nil, p.fail(ErrPasswordNeeded)
	}
	if !utf8.Valid(p.password) || bytes.IndexByte(p.password, 0) >= 0 {
		return nil, p.fail(ErrCharacters)
	}
	var out []byte
	out = append(out, p.authzID...)
	out = append(out, 0)
	out = append(out, p.username...)
	out = append(out, 0)
	return append(out, p.password...), nil
}

// Next fails: PLAIN has no challenges.
func (p *plain) Next([]byte) ([]byte, error) { return nil, p.fail(malformed("PLAIN has none")) }

// Done accepts the server's word; data that came with it has no meaning. PLAIN
// does not authenticate the server: TLS has to.
func (p *plain) Done([]byte) error {
	if !p.started || p.ended {
		return p.fail(ErrState)
	}
	p.ended = true
	return nil
}

func (p *plain) fail(err error) error {
	p.ended = true
	return err
}
