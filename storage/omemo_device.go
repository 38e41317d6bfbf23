// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// SessionsPerDevice is how many sessions of a device are kept, archived ones
// included.
const SessionsPerDevice = 40

// Devices calls fn with the known devices of jid, the smallest id first.
// identity is nil until it is known.
func (o *OMEMO) Devices(ctx context.Context, profile uint8, jid string, fn func(id uint32, active bool, identity []byte, label string, labelSig []byte, lastSeen time.Time) error) error {
	type device struct {
		id       uint32
		active   bool
		identity []byte
		label    string
		labelSig []byte
		lastSeen time.Time
	}
	var list []device
	err := o.each(ctx, "read devices", func(rows *sql.Rows) error {
		var d device
		if err := rows.Scan(&d.id, &d.active, blobColumn{&d.identity}, &d.label, blobColumn{&d.labelSig}, timeColumn{&d.lastSeen}); err != nil {
			return err
		}
		list = append(list, d)
		return nil
	}, `SELECT id, active, identity, label, label_signature, last_seen FROM omemo_device
		WHERE account_id = ? AND profile = ? AND jid = ? ORDER BY id`, o.account, profile, jid)
	if err != nil {
		return err
	}
	for _, d := range list {
		if err := fn(d.id, d.active, d.identity, d.label, d.labelSig, d.lastSeen); err != nil {
			return err
		}
	}
	return nil
}

// SaveDevice stores a device as active or not and keeps what else is known.
func (o *OMEMO) SaveDevice(ctx context.Context, profile uint8, jid string, id uint32, active bool) error {
	_, err := o.exec(ctx, "save device", `INSERT INTO omemo_device
		(account_id, profile, jid, id, active, identity, label, last_seen, unanswered) VALUES (?, ?, ?, ?, ?, x'', '', 0, 0)
		ON CONFLICT (account_id, profile, jid, id) DO UPDATE SET active = excluded.active`, o.account, profile, jid, id, active)
	return err
}

// SetDeviceIdentity stores the identity key of a device; an unknown device is
// stored as inactive.
func (o *OMEMO) SetDeviceIdentity(ctx context.Context, profile uint8, jid string, id uint32, identity []byte) error {
	_, err := o.exec(ctx, "set device identity", `INSERT INTO omemo_device
		(account_id, profile, jid, id, active, identity, label, last_seen, unanswered) VALUES (?, ?, ?, ?, 0, ?, '', 0, 0)
		ON CONFLICT (account_id, profile, jid, id) DO UPDATE SET identity = excluded.identity`,
		o.account, profile, jid, id, blob(identity))
	return err
}

// SetDeviceLabel stores the name that a device gives itself, and its signature
// as it came.
func (o *OMEMO) SetDeviceLabel(ctx context.Context, profile uint8, jid string, id uint32, label string, labelSig []byte) error {
	n, err := o.exec(ctx, "set device label", `UPDATE omemo_device SET label = ?, label_signature = ?
		WHERE account_id = ? AND profile = ? AND jid = ? AND id = ?`, label, blob(labelSig), o.account, profile, jid, id)
	if err == nil && n == 0 {
		err = fmt.Errorf("set device label: %w", ErrNotFound)
	}
	return err
}

// TouchDevice counts a message from or to a device: a received one adds 1 to
// those that were not answered and sets when the device was last seen, a sent
// one resets the count to 0. It returns the count. A device that is not known
// is stored as inactive.
func (o *OMEMO) TouchDevice(ctx context.Context, profile uint8, jid string, id uint32, at time.Time, received bool) (unanswered int, err error) {
	add, seen := 0, int64(0)
	if received {
		add, seen = 1, micros(at)
	}
	if _, err := o.exec(ctx, "touch device", `INSERT INTO omemo_device
		(account_id, profile, jid, id, active, identity, label, last_seen, unanswered)
		VALUES (?1, ?2, ?3, ?4, 0, x'', '', ?5, ?6)
		ON CONFLICT (account_id, profile, jid, id) DO UPDATE SET last_seen = max(last_seen, ?5),
		unanswered = CASE ?6 WHEN 1 THEN unanswered + 1 ELSE 0 END`, o.account, profile, jid, id, seen, add); err != nil {
		return 0, err
	}
	_, err = o.one(ctx, "touch device", []any{&unanswered}, `SELECT unanswered FROM omemo_device
		WHERE account_id = ? AND profile = ? AND jid = ? AND id = ?`, o.account, profile, jid, id)
	return unanswered, err
}

// Sessions returns the sessions with a device, newest first.
func (o *OMEMO) Sessions(ctx context.Context, profile uint8, jid string, id uint32) (seqs []int64, states [][]byte, err error) {
	err = o.each(ctx, "read sessions", func(rows *sql.Rows) error {
		var seq int64
		var state []byte
		if err := rows.Scan(&seq, blobColumn{&state}); err != nil {
			return err
		}
		seqs, states = append(seqs, seq), append(states, state)
		return nil
	}, `SELECT seq, state FROM omemo_session WHERE account_id = ? AND profile = ? AND jid = ? AND device = ?
		ORDER BY rank DESC`, o.account, profile, jid, id)
	return seqs, states, err
}

// SaveSession stores the state of a session and returns its seq. With seq 0 it
// is a new session and the newest, and the oldest beyond SessionsPerDevice are
// removed; otherwise it must exist and keeps its place.
func (o *OMEMO) SaveSession(ctx context.Context, profile uint8, jid string, id uint32, seq int64, state []byte) (int64, error) {
	if seq != 0 {
		n, err := o.exec(ctx, "save session", `UPDATE omemo_session SET state = ?
			WHERE account_id = ? AND profile = ? AND jid = ? AND device = ? AND seq = ?`,
			blob(state), o.account, profile, jid, id, seq)
		if err == nil && n == 0 {
			err = fmt.Errorf("save session: %w", ErrNotFound)
		}
		return seq, err
	}
	seq, err := o.tx.next("session")
	if err != nil {
		return 0, wrapf(err, "save session")
	}
	if _, err := o.exec(ctx, "save session", `INSERT INTO omemo_session (account_id, profile, jid, device, seq, rank, state)
		VALUES (?, ?, ?, ?, ?, ?, ?)`, o.account, profile, jid, id, seq, seq, blob(state)); err != nil {
		return 0, err
	}
	_, err = o.exec(ctx, "prune sessions", `DELETE FROM omemo_session
		WHERE account_id = ?1 AND profile = ?2 AND jid = ?3 AND device = ?4 AND seq NOT IN
		(SELECT seq FROM omemo_session WHERE account_id = ?1 AND profile = ?2 AND jid = ?3 AND device = ?4
		ORDER BY rank DESC LIMIT ?5)`, o.account, profile, jid, id, SessionsPerDevice)
	return seq, err
}

// PromoteSession makes a session the newest.
func (o *OMEMO) PromoteSession(ctx context.Context, profile uint8, jid string, id uint32, seq int64) error {
	rank, err := o.tx.next("session") // ranks and seqs share their numbers
	if err != nil {
		return wrapf(err, "promote session")
	}
	n, err := o.exec(ctx, "promote session", `UPDATE omemo_session SET rank = ?
		WHERE account_id = ? AND profile = ? AND jid = ? AND device = ? AND seq = ?`,
		rank, o.account, profile, jid, id, seq)
	if err == nil && n == 0 {
		err = fmt.Errorf("promote session: %w", ErrNotFound)
	}
	return err
}

// DeleteSessions removes all sessions with a device. Only a person may ask for
// it: messages that were encrypted for them can then not be read any more.
func (o *OMEMO) DeleteSessions(ctx context.Context, profile uint8, jid string, id uint32) error {
	_, err := o.exec(ctx, "delete sessions", `DELETE FROM omemo_session
		WHERE account_id = ? AND profile = ? AND jid = ? AND device = ?`, o.account, profile, jid, id)
	return err
}
