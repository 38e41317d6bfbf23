// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"database/sql"
	"time"
)

// Profile is what somebody says of themselves.
type Profile struct {
	AccountID int64
	JID       string // bare, or that of an occupant
	Nick      string // XEP-0172
	Avatar    string // hash, SHA-1 in hexadecimal; empty: none
	Card      []byte // the caller's own
	Fetched   time.Time
}

// Avatar is a picture that profiles name by its hash.
type Avatar struct {
	Hash      string // SHA-1 in hexadecimal
	MediaType string
	Data      []byte
}

// Profile returns what somebody says of themselves.
func (r *Reader) Profile(account int64, jid string) (p Profile, err error) {
	err = r.one([]any{&p.AccountID, &p.JID, &p.Nick, &p.Avatar, blobColumn{&p.Card}, timeColumn{&p.Fetched}},
		"SELECT account_id, jid, nick, avatar, card, fetched FROM profile WHERE account_id = ? AND jid = ?", account, jid)
	return p, wrapf(err, "read profile")
}

// PutProfile stores a profile in place of the one before.
func (tx *Tx) PutProfile(p Profile) error {
	_, err := tx.exec(`INSERT INTO profile (account_id, jid, nick, avatar, card, fetched) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (account_id, jid) DO UPDATE SET nick = excluded.nick, avatar = excluded.avatar, card = excluded.card,
		fetched = excluded.fetched`, p.AccountID, p.JID, p.Nick, p.Avatar, blob(p.Card), micros(p.Fetched))
	return wrapf(err, "store profile")
}

// Avatar returns a picture by its hash.
func (r *Reader) Avatar(hash string) (a Avatar, err error) {
	err = r.one([]any{&a.Hash, &a.MediaType, blobColumn{&a.Data}},
		"SELECT hash, media_type, data FROM avatar WHERE hash = ?", hash)
	return a, wrapf(err, "read avatar")
}

// HasAvatar tells whether a picture is here.
func (r *Reader) HasAvatar(hash string) (ok bool, err error) {
	err = r.one([]any{&ok}, "SELECT EXISTS (SELECT 1 FROM avatar WHERE hash = ?)", hash)
	return ok, wrapf(err, "read avatar")
}

// PutAvatar stores a picture.
func (tx *Tx) PutAvatar(a Avatar) error {
	_, err := tx.exec(`INSERT INTO avatar (hash, media_type, data) VALUES (?, ?, ?) ON CONFLICT (hash) DO NOTHING`,
		a.Hash, a.MediaType, blob(a.Data))
	return wrapf(err, "store avatar")
}

// PruneAvatars removes the pictures that no profile and no room names.
func (tx *Tx) PruneAvatars() (n int64, err error) {
	n, err = tx.exec(`DELETE FROM avatar WHERE hash NOT IN (SELECT avatar FROM profile UNION SELECT avatar FROM room)`)
	return n, wrapf(err, "prune avatars")
}

// Blocked returns the addresses that an account blocks (XEP-0191), in order.
func (r *Reader) Blocked(account int64) (list []string, err error) {
	err = r.each(func(rows *sql.Rows) error {
		var jid string
		if err := rows.Scan(&jid); err != nil {
			return err
		}
		list = append(list, jid)
		return nil
	}, "SELECT jid FROM blocked WHERE account_id = ? ORDER BY jid", account)
	return list, wrapf(err, "read blocked addresses")
}

// IsBlocked tells whether an account blocks exactly this address.
func (r *Reader) IsBlocked(account int64, jid string) (ok bool, err error) {
	err = r.one([]any{&ok}, "SELECT EXISTS (SELECT 1 FROM blocked WHERE account_id = ? AND jid = ?)", account, jid)
	return ok, wrapf(err, "read blocked address")
}

// SetBlocked blocks an address or no longer does.
func (tx *Tx) SetBlocked(account int64, jid string, blocked bool) error {
	query := "INSERT INTO blocked (account_id, jid) VALUES (?, ?) ON CONFLICT (account_id, jid) DO NOTHING"
	if !blocked {
		query = "DELETE FROM blocked WHERE account_id = ? AND jid = ?"
	}
	_, err := tx.exec(query, account, jid)
	return wrapf(err, "block address")
}

// ReplaceBlocked makes list all addresses that an account blocks.
func (tx *Tx) ReplaceBlocked(account int64, list []string) error {
	if _, err := tx.exec("DELETE FROM blocked WHERE account_id = ?", account); err != nil {
		return wrapf(err, "replace blocked addresses")
	}
	for _, jid := range list {
		if err := tx.SetBlocked(account, jid, true); err != nil {
			return err
		}
	}
	return nil
}
