// SPDX-License-Identifier: MPL-2.0

package storage

import "database/sql"

// Stream returns the stream of an account.
func (r *Reader) Stream(account int64) (s Stream, err error) {
	err = r.one([]any{&s.AccountID, &s.ID, &s.Location, &s.JID, &s.Handled, durationColumn{&s.Max}, timeColumn{&s.Updated}},
		"SELECT account_id, id, location, jid, handled, max, updated FROM stream WHERE account_id = ?", account)
	return s, wrapf(err, "read stream")
}

// SaveStream stores the stream of an account in place of the one before.
// Updated is set to now if it is zero.
func (tx *Tx) SaveStream(s Stream) error {
	count, err := countArg(s.Handled)
	if err != nil {
		return wrapf(err, "save stream")
	}
	if s.Updated.IsZero() {
		s.Updated = tx.now()
	}
	_, err = tx.exec(`INSERT INTO stream (account_id, id, location, jid, handled, max, updated)
		VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (account_id) DO UPDATE SET id = excluded.id,
		location = excluded.location, jid = excluded.jid, handled = excluded.handled, max = excluded.max,
		updated = excluded.updated`, s.AccountID, s.ID, s.Location, s.JID, count, s.Max.Microseconds(), micros(s.Updated))
	return wrapf(err, "save stream")
}

// SetHandled stores how many inbound stanzas of the stream id were handled.
// ErrNotFound: the account has another stream or none.
func (tx *Tx) SetHandled(account int64, id string, n uint64) error {
	count, err := countArg(n)
	if err != nil {
		return wrapf(err, "set handled count")
	}
	return wrapf(tx.must("UPDATE stream SET handled = ?, updated = ? WHERE account_id = ? AND id = ?",
		count, micros(tx.now()), account, id), "set handled count")
}

// DeleteStream forgets the stream of an account, if there is one.
func (tx *Tx) DeleteStream(account int64) error {
	_, err := tx.exec("DELETE FROM stream WHERE account_id = ?", account)
	return wrapf(err, "delete stream")
}

// Cursor returns the id up to which an archive was fetched, and whether the
// fetch has reached the archive's end. Without a cursor id is empty.
func (r *Reader) Cursor(account int64, archive string) (id string, complete bool, err error) {
	err = r.one([]any{&id, &complete}, "SELECT cursor, complete FROM archive_cursor WHERE account_id = ? AND archive = ?", account, archive)
	return id, complete, wrapf(absent(err), "read archive cursor")
}

// SetCursor stores the cursor of an archive.
func (tx *Tx) SetCursor(account int64, archive, id string, complete bool) error {
	_, err := tx.exec(`INSERT INTO archive_cursor (account_id, archive, cursor, complete) VALUES (?, ?, ?, ?)
		ON CONFLICT (account_id, archive) DO UPDATE SET cursor = excluded.cursor, complete = excluded.complete`,
		account, archive, id, complete)
	return wrapf(err, "set archive cursor")
}

// Gaps returns the gaps in the archives of an account, oldest first.
func (r *Reader) Gaps(account int64) (list []Gap, err error) {
	err = r.each(func(rows *sql.Rows) error {
		var g Gap
		if err := rows.Scan(&g.ID, &g.AccountID, &g.Archive, &g.ConversationID, &g.After, &g.Before, &g.SortKey,
			timeColumn{&g.Created}); err != nil {
			return err
		}
		list = append(list, g)
		return nil
	}, `SELECT id, account_id, archive, conversation_id, after_id, before_id, sort_key, created
		FROM archive_gap WHERE account_id = ? ORDER BY id`, account)
	return list, wrapf(err, "read archive gaps")
}

// AddGap stores a new gap and sets its ID, and Created if that is zero.
func (tx *Tx) AddGap(g *Gap) error {
	if g.Created.IsZero() {
		g.Created = tx.now()
	}
	id, err := tx.insert(`INSERT INTO archive_gap (account_id, archive, conversation_id, after_id, before_id, sort_key, created)
		VALUES (?, ?, ?, ?, ?, ?, ?)`, g.AccountID, g.Archive, g.ConversationID, g.After, g.Before, g.SortKey, micros(g.Created))
	if err != nil {
		return wrapf(err, "add archive gap")
	}
	g.ID = id
	return nil
}

// UpdateGap stores After, Before and SortKey of a gap that was filled in part.
func (tx *Tx) UpdateGap(g Gap) error {
	return wrapf(tx.must("UPDATE archive_gap SET after_id = ?, before_id = ?, sort_key = ? WHERE id = ?",
		g.After, g.Before, g.SortKey, g.ID), "update archive gap")
}

// DeleteGap removes a gap.
func (tx *Tx) DeleteGap(id int64) error {
	return wrapf(tx.must("DELETE FROM archive_gap WHERE id = ?", id), "delete archive gap")
}
