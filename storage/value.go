// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"errors"
	"fmt"
)

// SeenKeySize is the largest size of a dedupe key in bytes.
const SeenKeySize = 32

// CapsEntries is how many entity capabilities are kept; the oldest go first.
const CapsEntries = 2000

// absent turns the absence of a row into no error.
func absent(err error) error {
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// Seen reports whether key was marked as seen for an account, and for which
// message.
func (r *Reader) Seen(account int64, key []byte) (message int64, ok bool, err error) {
	err = r.one([]any{&message}, "SELECT message_id FROM seen WHERE account_id = ? AND key = ?", account, blob(key))
	return message, err == nil, wrapf(absent(err), "look for seen key")
}

// MarkSeen marks key, of 1 to SeenKeySize bytes, as seen for an account. It
// stays so when the message is deleted. Message 0 is none and does not replace
// one that was stored with the key before.
func (tx *Tx) MarkSeen(account int64, key []byte, message int64) error {
	if len(key) == 0 || len(key) > SeenKeySize {
		return fmt.Errorf("mark seen: %w: size of the key", ErrInvalid)
	}
	_, err := tx.exec(`INSERT INTO seen (account_id, key, message_id) VALUES (?, ?, ?)
		ON CONFLICT (account_id, key) DO UPDATE SET message_id = excluded.message_id WHERE excluded.message_id <> 0`,
		account, key, message)
	return wrapf(err, "mark seen")
}

// Caps returns what is known about a capabilities hash.
func (r *Reader) Caps(ver string) (info []byte, ok bool, err error) {
	err = r.one([]any{blobColumn{&info}}, "SELECT info FROM caps WHERE ver = ?", ver)
	return info, err == nil, wrapf(absent(err), "read capabilities")
}

// PutCaps stores what is known about a capabilities hash, and drops the oldest
// entries beyond CapsEntries.
func (tx *Tx) PutCaps(ver string, info []byte) error {
	if _, err := tx.exec(`INSERT INTO caps (ver, info) VALUES (?, ?)
		ON CONFLICT (ver) DO UPDATE SET info = excluded.info`, ver, blob(info)); err != nil {
		return wrapf(err, "store capabilities")
	}
	_, err := tx.exec("DELETE FROM caps WHERE id <= (SELECT max(id) FROM caps) - ?", CapsEntries)
	return wrapf(err, "store capabilities")
}

// Value returns a value of an account, or of the whole client for account 0.
func (r *Reader) Value(account int64, key string) (value []byte, ok bool, err error) {
	err = r.one([]any{blobColumn{&value}}, "SELECT value FROM value WHERE account_id = ? AND key = ?", account, key)
	return value, err == nil, wrapf(absent(err), "read value")
}

// PutValue stores a value.
func (tx *Tx) PutValue(account int64, key string, value []byte) error {
	if account != 0 {
		if _, err := tx.Account(account); err != nil {
			return wrapf(err, "store value")
		}
	}
	_, err := tx.exec(`INSERT INTO value (account_id, key, value) VALUES (?, ?, ?)
		ON CONFLICT (account_id, key) DO UPDATE SET value = excluded.value`, account, key, blob(value))
	return wrapf(err, "store value")
}

// DeleteValue removes a value, if there is one.
func (tx *Tx) DeleteValue(account int64, key string) error {
	_, err := tx.exec("DELETE FROM value WHERE account_id = ? AND key = ?", account, key)
	return wrapf(err, "delete value")
}
