// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// OMEMO is the part of a write transaction that the OMEMO code of one account
// works on. Keys are the raw bytes as they were given. Contexts are looked at
// for their end only; everything happens in the transaction. The callbacks of
// PreKeys and Devices run after all rows were read and may use the store.
type OMEMO struct {
	tx      *Tx
	account int64
}

// OMEMO returns the OMEMO store of an account.
func (tx *Tx) OMEMO(account int64) *OMEMO { return &OMEMO{tx: tx, account: account} }

func (o *OMEMO) exec(ctx context.Context, verb, query string, args ...any) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	n, err := o.tx.exec(query, args...)
	return n, wrapf(err, verb)
}

// one reads a row; ok is false without one.
func (o *OMEMO) one(ctx context.Context, verb string, dest []any, query string, args ...any) (ok bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	err = o.tx.one(dest, query, args...)
	return err == nil, wrapf(absent(err), verb)
}

func (o *OMEMO) each(ctx context.Context, verb string, fn func(*sql.Rows) error, query string, args ...any) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return wrapf(o.tx.each(fn, query, args...), verb)
}

// Identity returns the own device id and identity key.
func (o *OMEMO) Identity(ctx context.Context) (device uint32, private, public []byte, ok bool, err error) {
	ok, err = o.one(ctx, "read identity", []any{&device, blobColumn{&private}, blobColumn{&public}},
		"SELECT device, private_key, public_key FROM omemo_identity WHERE account_id = ?", o.account)
	return device, private, public, ok, err
}

// SaveIdentity stores the own device id and identity key.
func (o *OMEMO) SaveIdentity(ctx context.Context, device uint32, private, public []byte) error {
	_, err := o.exec(ctx, "save identity", `INSERT INTO omemo_identity (account_id, device, private_key, public_key)
		VALUES (?, ?, ?, ?) ON CONFLICT (account_id) DO UPDATE SET device = excluded.device,
		private_key = excluded.private_key, public_key = excluded.public_key`,
		o.account, device, blob(private), blob(public))
	return err
}

// Label returns what the own device calls itself.
func (o *OMEMO) Label(ctx context.Context) (label string, err error) {
	_, err = o.one(ctx, "read label", []any{&label}, "SELECT label FROM omemo_identity WHERE account_id = ?", o.account)
	return label, err
}

// SetLabel stores what the own device calls itself. It has no name before it
// has an identity, which is ErrNotFound.
func (o *OMEMO) SetLabel(ctx context.Context, label string) error {
	n, err := o.exec(ctx, "set label", "UPDATE omemo_identity SET label = ? WHERE account_id = ?", label, o.account)
	if err == nil && n == 0 {
		err = fmt.Errorf("set label: %w", ErrNotFound)
	}
	return err
}

// PreKeyCount returns how many prekeys are unused, and the largest id of all
// that are stored.
func (o *OMEMO) PreKeyCount(ctx context.Context) (unused int, maxID uint32, err error) {
	_, err = o.one(ctx, "count prekeys", []any{&unused, &maxID},
		"SELECT count(*) - coalesce(sum(used), 0), coalesce(max(id), 0) FROM omemo_prekey WHERE account_id = ?", o.account)
	return unused, maxID, err
}

// SavePreKey stores an unused prekey.
func (o *OMEMO) SavePreKey(ctx context.Context, id uint32, private, public []byte) error {
	_, err := o.exec(ctx, "save prekey", `INSERT INTO omemo_prekey (account_id, id, private_key, public_key, used)
		VALUES (?, ?, ?, ?, 0) ON CONFLICT (account_id, id) DO UPDATE SET private_key = excluded.private_key,
		public_key = excluded.public_key, used = 0`, o.account, id, blob(private), blob(public))
	return err
}

// PreKey returns a prekey, used or not.
func (o *OMEMO) PreKey(ctx context.Context, id uint32) (private, public []byte, used, ok bool, err error) {
	ok, err = o.one(ctx, "read prekey", []any{blobColumn{&private}, blobColumn{&public}, &used},
		"SELECT private_key, public_key, used FROM omemo_prekey WHERE account_id = ? AND id = ?", o.account, id)
	return private, public, used, ok, err
}

// MarkPreKeyUsed keeps a prekey and takes it out of what is published.
func (o *OMEMO) MarkPreKeyUsed(ctx context.Context, id uint32) error {
	_, err := o.exec(ctx, "mark prekey", "UPDATE omemo_prekey SET used = 1 WHERE account_id = ? AND id = ?", o.account, id)
	return err
}

// DeleteUsedPreKeys removes all prekeys that were used.
func (o *OMEMO) DeleteUsedPreKeys(ctx context.Context) (n int, err error) {
	count, err := o.exec(ctx, "delete prekeys", "DELETE FROM omemo_prekey WHERE account_id = ? AND used = 1", o.account)
	return int(count), err
}

// PreKeys calls fn with the unused prekeys, the smallest id first.
func (o *OMEMO) PreKeys(ctx context.Context, fn func(id uint32, public []byte) error) error {
	type preKey struct {
		id     uint32
		public []byte
	}
	var list []preKey
	err := o.each(ctx, "read prekeys", func(rows *sql.Rows) error {
		var k preKey
		if err := rows.Scan(&k.id, blobColumn{&k.public}); err != nil {
			return err
		}
		list = append(list, k)
		return nil
	}, "SELECT id, public_key FROM omemo_prekey WHERE account_id = ? AND used = 0 ORDER BY id", o.account)
	if err != nil {
		return err
	}
	for _, k := range list {
		if err := fn(k.id, k.public); err != nil {
			return err
		}
	}
	return nil
}

// SaveSignedPreKey stores a signed prekey.
func (o *OMEMO) SaveSignedPreKey(ctx context.Context, id uint32, private, public []byte, created time.Time) error {
	_, err := o.exec(ctx, "save signed prekey", `INSERT INTO omemo_signed_prekey
		(account_id, id, private_key, public_key, created) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (account_id, id) DO UPDATE SET private_key = excluded.private_key,
		public_key = excluded.public_key, created = excluded.created`,
		o.account, id, blob(private), blob(public), micros(created))
	return err
}

// SignedPreKey returns a signed prekey, or the newest one for id 0.
func (o *OMEMO) SignedPreKey(ctx context.Context, id uint32) (private, public []byte, created time.Time, ok bool, err error) {
	_, private, public, created, ok, err = o.signedPreKey(ctx, id)
	return private, public, created, ok, err
}

// SignedPreKeyID returns the id of the newest signed prekey.
func (o *OMEMO) SignedPreKeyID(ctx context.Context) (id uint32, ok bool, err error) {
	id, _, _, _, ok, err = o.signedPreKey(ctx, 0)
	return id, ok, err
}

func (o *OMEMO) signedPreKey(ctx context.Context, id uint32) (got uint32, private, public []byte, created time.Time, ok bool, err error) {
	ok, err = o.one(ctx, "read signed prekey",
		[]any{&got, blobColumn{&private}, blobColumn{&public}, timeColumn{&created}},
		`SELECT id, private_key, public_key, created FROM omemo_signed_prekey
		WHERE account_id = ?1 AND (id = ?2 OR ?2 = 0) ORDER BY created DESC, id DESC LIMIT 1`, o.account, id)
	return got, private, public, created, ok, err
}

// PruneSignedPreKeys removes all but the newest keep signed prekeys.
func (o *OMEMO) PruneSignedPreKeys(ctx context.Context, keep int) error {
	_, err := o.exec(ctx, "prune signed prekeys", `DELETE FROM omemo_signed_prekey WHERE account_id = ?1 AND id NOT IN
		(SELECT id FROM omemo_signed_prekey WHERE account_id = ?1 ORDER BY created DESC, id DESC LIMIT ?2)`,
		o.account, max(keep, 0))
	return err
}

// CatchingUp reports whether an archive is being fetched, so that used prekeys
// must be kept.
func (o *OMEMO) CatchingUp(ctx context.Context) (on bool, err error) {
	_, err = o.one(ctx, "read catch-up state", []any{&on}, "SELECT catching_up FROM omemo_status WHERE account_id = ?", o.account)
	return on, err
}

// SetCatchingUp stores that the fetch of an archive has begun or ended. It
// outlives the process, so a fetch that was cut off still counts as running.
func (o *OMEMO) SetCatchingUp(ctx context.Context, on bool) error {
	_, err := o.exec(ctx, "set catch-up state", `INSERT INTO omemo_status (account_id, catching_up) VALUES (?, ?)
		ON CONFLICT (account_id) DO UPDATE SET catching_up = excluded.catching_up`, o.account, on)
	return err
}
