// SPDX-License-Identifier: MPL-2.0

package storage

import "database/sql"

const rosterColumns = "account_id, jid, name, subscription, ask, group_names"

func (i *RosterItem) dest() []any {
	return []any{&i.AccountID, &i.JID, &i.Name, &i.Subscription, &i.Ask, stringsColumn{&i.Groups}}
}

// Roster returns the contacts of an account in the order of their addresses.
func (r *Reader) Roster(account int64) (list []RosterItem, err error) {
	err = r.each(func(rows *sql.Rows) error {
		var i RosterItem
		if err := rows.Scan(i.dest()...); err != nil {
			return err
		}
		list = append(list, i)
		return nil
	}, "SELECT "+rosterColumns+" FROM roster WHERE account_id = ? ORDER BY jid", account)
	return list, wrapf(err, "read roster")
}

// RosterItem returns one contact.
func (r *Reader) RosterItem(account int64, jid string) (i RosterItem, err error) {
	err = r.one(i.dest(), "SELECT "+rosterColumns+" FROM roster WHERE account_id = ? AND jid = ?", account, jid)
	return i, wrapf(err, "read roster item")
}

// PutRosterItem stores a contact in place of the one with the same address.
func (tx *Tx) PutRosterItem(i RosterItem) error {
	names, err := stringsArg(i.Groups)
	if err != nil {
		return wrapf(err, "store roster item")
	}
	_, err = tx.exec(`INSERT INTO roster (account_id, jid, name, subscription, ask, group_names) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (account_id, jid) DO UPDATE SET name = excluded.name, subscription = excluded.subscription,
		ask = excluded.ask, group_names = excluded.group_names`,
		i.AccountID, i.JID, i.Name, i.Subscription, i.Ask, names)
	return wrapf(err, "store roster item")
}

// DeleteRosterItem removes a contact, if there is one.
func (tx *Tx) DeleteRosterItem(account int64, jid string) error {
	_, err := tx.exec("DELETE FROM roster WHERE account_id = ? AND jid = ?", account, jid)
	return wrapf(err, "delete roster item")
}

// ReplaceRoster makes items the whole roster of an account. Their AccountID is
// not looked at.
func (tx *Tx) ReplaceRoster(account int64, items []RosterItem, version string) error {
	if _, err := tx.exec("DELETE FROM roster WHERE account_id = ?", account); err != nil {
		return wrapf(err, "replace roster")
	}
	for _, i := range items {
		i.AccountID = account
		if err := tx.PutRosterItem(i); err != nil {
			return wrapf(err, "replace roster")
		}
	}
	return tx.SetRosterVersion(account, version)
}

// SetRosterVersion stores the version of an account's roster.
func (tx *Tx) SetRosterVersion(account int64, version string) error {
	return wrapf(tx.must("UPDATE account SET roster_version = ? WHERE id = ?", version, account), "set roster version")
}
