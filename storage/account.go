// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"database/sql"
	"fmt"
)

const accountColumns = "id, kind, address, resource, enabled, secret, settings, roster_version, credentials, created"

func (a *Account) dest() []any {
	return []any{&a.ID, &a.Kind, &a.Address, &a.Resource, &a.Enabled, blobColumn{(*[]byte)(&a.Secret)},
		blobColumn{&a.Settings}, &a.RosterVersion, blobColumn{(*[]byte)(&a.Credentials)}, timeColumn{&a.Created}}
}

// Account returns the account with this id.
func (r *Reader) Account(id int64) (a Account, err error) {
	err = r.one(a.dest(), "SELECT "+accountColumns+" FROM account WHERE id = ?", id)
	return a, wrapf(err, "read account")
}

// AccountByAddress returns the account with this kind and address.
func (r *Reader) AccountByAddress(kind, address string) (a Account, err error) {
	err = r.one(a.dest(), "SELECT "+accountColumns+" FROM account WHERE kind = ? AND address = ?", kind, address)
	return a, wrapf(err, "read account")
}

// Accounts returns all accounts in the order of their creation.
func (r *Reader) Accounts() (list []Account, err error) {
	err = r.each(func(rows *sql.Rows) error {
		var a Account
		if err := rows.Scan(a.dest()...); err != nil {
			return err
		}
		list = append(list, a)
		return nil
	}, "SELECT "+accountColumns+" FROM account ORDER BY id")
	return list, wrapf(err, "read accounts")
}

// CreateAccount stores a new account and sets its ID, and Created if that is
// zero. ErrExists: there is one with this kind and address.
func (tx *Tx) CreateAccount(a *Account) error {
	if a.Created.IsZero() {
		a.Created = tx.now()
	}
	id, err := tx.insert(`INSERT INTO account
		(kind, address, resource, enabled, secret, settings, roster_version, credentials, created)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		a.Kind, a.Address, a.Resource, a.Enabled, blob(a.Secret), blob(a.Settings), a.RosterVersion,
		blob(a.Credentials), micros(a.Created))
	if err != nil {
		return wrapf(err, "create account")
	}
	a.ID = id
	return nil
}

// UpdateAccount stores all fields of a but ID and Created.
func (tx *Tx) UpdateAccount(a Account) error {
	return wrapf(tx.must(`UPDATE account SET kind = ?, address = ?, resource = ?, enabled = ?, secret = ?,
		settings = ?, roster_version = ?, credentials = ? WHERE id = ?`,
		a.Kind, a.Address, a.Resource, a.Enabled, blob(a.Secret), blob(a.Settings), a.RosterVersion,
		blob(a.Credentials), a.ID), "update account")
}

// DeleteAccount removes the account and everything that belongs to it.
func (tx *Tx) DeleteAccount(id int64) error {
	return wrapf(tx.must("DELETE FROM account WHERE id = ?", id), "delete account")
}

// wrapf adds what was being done to an error.
func wrapf(err error, verb string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", verb, err)
}
