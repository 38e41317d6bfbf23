// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"database/sql"
	"time"
)

// Attachment is a file of a message.
type Attachment struct {
	ID             int64
	AccountID      int64
	ConversationID int64
	MessageID      int64
	Position       int // in the message, from 0
	State          uint8
	Reason         string // stable code of what failed
	URL            string // without a fragment
	Secret         Secret // IV and key of what lies at the URL; empty: it is not encrypted
	Name           string
	MediaType      string
	Size           int64 // of the content in bytes; -1: not known
	Width, Height  int
	Duration       time.Duration // to the microsecond
	Hash           []byte        // SHA-256 of the content, if known
	Thumbnail      []byte
	ThumbnailType  string
	File           string // name in the media folder; empty: not here
	FileSecret     Secret // IV and key of that file
	Done           int64  // bytes transferred
	Created        time.Time
}

const attachmentColumns = `id, account_id, conversation_id, message_id, position, state, reason, url, secret, name,
	media_type, size, width, height, duration, hash, thumbnail, thumbnail_type, file, file_secret, done, created`

func (a *Attachment) dest() []any {
	return []any{&a.ID, &a.AccountID, &a.ConversationID, &a.MessageID, &a.Position, &a.State, &a.Reason, &a.URL,
		blobColumn{(*[]byte)(&a.Secret)}, &a.Name, &a.MediaType, &a.Size, &a.Width, &a.Height, durationColumn{&a.Duration},
		blobColumn{&a.Hash}, blobColumn{&a.Thumbnail}, &a.ThumbnailType, &a.File, blobColumn{(*[]byte)(&a.FileSecret)},
		&a.Done, timeColumn{&a.Created}}
}

// Attachment returns one file.
func (r *Reader) Attachment(id int64) (a Attachment, err error) {
	err = r.one(a.dest(), "SELECT "+attachmentColumns+" FROM attachment WHERE id = ?", id)
	return a, wrapf(err, "read attachment")
}

// Attachments returns the files of a message in their order.
func (r *Reader) Attachments(message int64) ([]Attachment, error) {
	list, err := r.attachments("WHERE message_id = ? ORDER BY position", message)
	return list, wrapf(err, "read attachments")
}

// AttachmentsInState returns the files of an account in a state, the oldest
// first.
func (r *Reader) AttachmentsInState(account int64, state uint8) ([]Attachment, error) {
	list, err := r.attachments("WHERE account_id = ? AND state = ? ORDER BY id", account, state)
	return list, wrapf(err, "read attachments")
}

// ConversationAttachments returns up to limit files of a conversation below the
// id before, the newest first; before 0 starts at the newest.
func (r *Reader) ConversationAttachments(conv, before int64, limit int) ([]Attachment, error) {
	if before == 0 {
		before = 1<<63 - 1
	}
	list, err := r.attachments("WHERE conversation_id = ? AND id < ? ORDER BY id DESC LIMIT ?", conv, before, rowLimit(limit))
	return list, wrapf(err, "read attachments")
}

func (r *Reader) attachments(where string, args ...any) (list []Attachment, err error) {
	err = r.each(func(rows *sql.Rows) error {
		var a Attachment
		if err := rows.Scan(a.dest()...); err != nil {
			return err
		}
		list = append(list, a)
		return nil
	}, "SELECT "+attachmentColumns+" FROM attachment "+where, args...)
	return list, err
}

// MediaFiles calls fn with the name of every file in the media folder that an
// attachment needs.
func (r *Reader) MediaFiles(fn func(name string) error) error {
	return wrapf(r.each(func(rows *sql.Rows) error {
		var name string
		if err := rows.Scan(&name); err != nil {
			return err
		}
		return fn(name)
	}, "SELECT file FROM attachment WHERE file <> ''"), "read media files")
}

// AddAttachment stores a new file of a message and sets its ID, AccountID and
// ConversationID.
func (tx *Tx) AddAttachment(a *Attachment) error {
	m, err := tx.Message(a.MessageID)
	if err != nil {
		return wrapf(err, "store attachment")
	}
	a.AccountID, a.ConversationID = m.AccountID, m.ConversationID
	a.ID, err = tx.insert(`INSERT INTO attachment (account_id, conversation_id, message_id, position, state, reason, url,
		secret, name, media_type, size, width, height, duration, hash, thumbnail, thumbnail_type, file, file_secret, done,
		created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		a.AccountID, a.ConversationID, a.MessageID, a.Position, a.State, a.Reason, a.URL, blob(a.Secret), a.Name, a.MediaType,
		a.Size, a.Width, a.Height, a.Duration.Microseconds(), blob(a.Hash), blob(a.Thumbnail), a.ThumbnailType, a.File,
		blob(a.FileSecret), a.Done, micros(a.Created))
	return wrapf(err, "store attachment")
}

// UpdateAttachment stores everything of a file but to which message it belongs.
// The message gets a new revision.
func (tx *Tx) UpdateAttachment(a Attachment) error {
	err := tx.must(`UPDATE attachment SET state = ?, reason = ?, url = ?, secret = ?, name = ?, media_type = ?, size = ?,
		width = ?, height = ?, duration = ?, hash = ?, thumbnail = ?, thumbnail_type = ?, file = ?, file_secret = ?, done = ?
		WHERE id = ?`,
		a.State, a.Reason, a.URL, blob(a.Secret), a.Name, a.MediaType, a.Size, a.Width, a.Height, a.Duration.Microseconds(),
		blob(a.Hash), blob(a.Thumbnail), a.ThumbnailType, a.File, blob(a.FileSecret), a.Done, a.ID)
	if err != nil {
		return wrapf(err, "change attachment")
	}
	return wrapf(tx.touch(a.MessageID), "change attachment")
}

// DeleteAttachments removes the files of a message; what lies in the media
// folder is not touched.
func (tx *Tx) DeleteAttachments(message int64) error {
	_, err := tx.exec("DELETE FROM attachment WHERE message_id = ?", message)
	return wrapf(err, "delete attachments")
}
