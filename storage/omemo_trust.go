// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"context"
	"database/sql"
	"time"
)

// trustVerified is the state of a key that was compared in person.
const trustVerified = 2

// TrustedKey is a decision about an identity key.
type TrustedKey struct {
	Identity []byte
	State    uint8 // 0 undecided, 1 blind, 2 verified, 3 distrusted, 4 compromised
	At       time.Time
}

// Trust returns the decision about an identity key of jid.
func (o *OMEMO) Trust(ctx context.Context, jid string, identity []byte) (state uint8, ok bool, err error) {
	ok, err = o.one(ctx, "read trust", []any{&state},
		"SELECT state FROM omemo_trust WHERE account_id = ? AND jid = ? AND identity = ?", o.account, jid, blob(identity))
	return state, ok, err
}

// SetTrust stores a decision about an identity key of jid.
func (o *OMEMO) SetTrust(ctx context.Context, jid string, identity []byte, state uint8, at time.Time) error {
	_, err := o.exec(ctx, "set trust", `INSERT INTO omemo_trust (account_id, jid, identity, state, at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (account_id, jid, identity) DO UPDATE SET state = excluded.state, at = excluded.at`,
		o.account, jid, blob(identity), state, micros(at))
	return err
}

// TrustedKeys returns all decisions about keys of jid, oldest first.
func (o *OMEMO) TrustedKeys(ctx context.Context, jid string) (list []TrustedKey, err error) {
	err = o.each(ctx, "read trust", func(rows *sql.Rows) error {
		var k TrustedKey
		if err := rows.Scan(blobColumn{&k.Identity}, &k.State, timeColumn{&k.At}); err != nil {
			return err
		}
		list = append(list, k)
		return nil
	}, "SELECT identity, state, at FROM omemo_trust WHERE account_id = ? AND jid = ? ORDER BY at, identity", o.account, jid)
	return list, err
}

// HasVerified reports whether a key of jid was verified.
func (o *OMEMO) HasVerified(ctx context.Context, jid string) (yes bool, err error) {
	_, err = o.one(ctx, "read trust", []any{&yes},
		"SELECT EXISTS (SELECT 1 FROM omemo_trust WHERE account_id = ? AND jid = ? AND state = ?)", o.account, jid, trustVerified)
	return yes, err
}

// BlindTrust reports whether new keys of jid are trusted before one is
// verified, which is so unless SetBlindTrust said otherwise.
func (o *OMEMO) BlindTrust(ctx context.Context, jid string) (yes bool, err error) {
	ok, err := o.one(ctx, "read contact", []any{&yes},
		"SELECT blind_trust FROM omemo_contact WHERE account_id = ? AND jid = ?", o.account, jid)
	return yes || !ok, err
}

// SetBlindTrust stores whether new keys of jid are trusted before one is verified.
func (o *OMEMO) SetBlindTrust(ctx context.Context, jid string, on bool) error {
	_, err := o.exec(ctx, "store contact", `INSERT INTO omemo_contact (account_id, jid, blind_trust) VALUES (?, ?, ?)
		ON CONFLICT (account_id, jid) DO UPDATE SET blind_trust = excluded.blind_trust`, o.account, jid, on)
	return err
}
