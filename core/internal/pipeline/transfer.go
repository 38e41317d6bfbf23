// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"context"
	"errors"
	"fmt"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/storage"
)

// Errors of what a person asks for.
var (
	ErrNoFetch error = &impossible{"core.not-fetchable", "file is ours, or has no address"}
	ErrNoRetry error = &impossible{"core.not-retryable", "message did not fail"}
)

func isGone(err error) bool { return errors.Is(err, storage.ErrNotFound) }

// withFile runs fn for a file and its message, if they are still there.
func (a *Account) withFile(ctx context.Context, doing string, id int64, fn func(*storage.Tx, *emitter, *storage.Attachment, *storage.Message) error) error {
	err := a.update(ctx, func(tx *storage.Tx, emit *emitter) error {
		f, err := tx.Attachment(id)
		if err != nil {
			return err
		}
		row, err := tx.Message(f.MessageID)
		if err != nil {
			return err
		}
		return fn(tx, emit, &f, &row)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

// put stores a file and tells of it.
func (a *Account) put(tx *storage.Tx, emit *emitter, f *storage.Attachment, row *storage.Message) error {
	emit.transfer(row, f.ID, f.Reason)
	return tx.UpdateAttachment(*f)
}

// Uploaded notes where a file of ours is now, and lets its message go.
func (a *Account) Uploaded(ctx context.Context, id int64, url string) error {
	return a.withFile(ctx, "finish upload", id, func(tx *storage.Tx, emit *emitter, f *storage.Attachment, row *storage.Message) error {
		if f.State != FileQueued {
			return nil // given up meanwhile
		}
		f.State, f.URL, f.Reason = FileHere, url, ""
		if err := a.put(tx, emit, f, row); err != nil {
			return err
		}
		if row.State == StateQueued && row.Reason != "" {
			if err := tx.SetMessageState(row.ID, StateQueued, ""); err != nil {
				return err
			}
			emit.message(event.MessageChanged, row.ConversationID, row.ID, "")
		}
		return a.release(tx)
	})
}

// UploadDelayed notes why a file is not there yet.
func (a *Account) UploadDelayed(ctx context.Context, id int64, reason string) error {
	return a.withFile(ctx, "note delay of upload", id, func(tx *storage.Tx, emit *emitter, f *storage.Attachment, row *storage.Message) error {
		if f.State != FileQueued || f.Reason == reason {
			return nil
		}
		f.Reason = reason
		if err := a.put(tx, emit, f, row); err != nil || row.State != StateQueued {
			return err
		}
		emit.message(event.MessageChanged, row.ConversationID, row.ID, reason)
		return tx.SetMessageState(row.ID, StateQueued, reason)
	})
}

// UploadFailed gives a file of ours up, and its message with what follows it.
func (a *Account) UploadFailed(ctx context.Context, id int64, reason string) error {
	return a.withFile(ctx, "give up upload", id, func(tx *storage.Tx, emit *emitter, f *storage.Attachment, row *storage.Message) error {
		return a.uploadFailed(tx, emit, f, row, reason)
	})
}

func (a *Account) uploadFailed(tx *storage.Tx, emit *emitter, f *storage.Attachment, row *storage.Message, reason string) error {
	if f.State != FileQueued {
		return nil
	}
	f.State, f.Reason = FileUnsent, reason
	if err := a.put(tx, emit, f, row); err != nil {
		return err
	}
	out, err := tx.OutboxByMessage(row.ID)
	if isGone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	rows, err := tx.Outbox(a.ID, out.ID-1, 0, OutUploading)
	if err != nil {
		return err
	}
	for _, o := range rows {
		if o.ConversationID != row.ConversationID {
			continue
		}
		files, err := tx.Attachments(o.MessageID)
		if err != nil {
			return err
		}
		if o.MessageID != row.ID && len(files) > 0 {
			break
		}
		if err := tx.DeleteOutbox(o.ID); err != nil {
			return err
		}
		message, err := tx.Message(o.MessageID)
		if isGone(err) {
			continue
		}
		if err == nil {
			err = a.fail(tx, emit, message, reason)
		}
		if err != nil {
			return err
		}
	}
	return a.release(tx)
}

// release queues the messages whose files have all been uploaded, and what
// followed each of them.
func (a *Account) release(tx *storage.Tx) error {
	rows, err := tx.Outbox(a.ID, 0, 0, OutUploading)
	if err != nil {
		return err
	}
	waiting := make(map[int64]bool) // conversations whose last message with files does
	for _, out := range rows {
		files, err := tx.Attachments(out.MessageID)
		if err != nil {
			return err
		}
		if len(files) > 0 {
			waiting[out.ConversationID] = false
		}
		for _, f := range files {
			if f.State == FileQueued {
				waiting[out.ConversationID] = true
			}
		}
		if waiting[out.ConversationID] {
			continue
		}
		out.State = OutQueued
		if err := tx.UpdateOutbox(out); err != nil {
			return err
		}
	}
	return nil
}

// Release queues what does not wait for a file any more, such as what followed
// one that was deleted.
func (a *Account) Release(ctx context.Context) error {
	var any bool
	err := a.DB.View(ctx, func(r *storage.Reader) error {
		rows, err := r.Outbox(a.ID, 0, 1, OutUploading)
		any = len(rows) > 0
		return err
	})
	if err == nil && any {
		err = a.update(ctx, func(tx *storage.Tx, _ *emitter) error { return a.release(tx) })
	}
	if err != nil {
		return fmt.Errorf("release uploaded messages: %w", err)
	}
	return nil
}

// Want asks for a file that is not here, or lost from the folder.
func (a *Account) Want(ctx context.Context, id int64, lost bool) error {
	return a.withFile(ctx, "fetch file", id, func(tx *storage.Tx, emit *emitter, f *storage.Attachment, row *storage.Message) error {
		switch {
		case f.State == FileHere && !lost || f.State == FileWanted:
			return nil
		case f.URL == "" || f.State == FileQueued || f.State == FileUnsent:
			return ErrNoFetch
		}
		f.State, f.Reason = FileWanted, ""
		if f.File == "" {
			f.File = newFileName()
		}
		emit.transfers = true
		return a.put(tx, emit, f, row)
	})
}

// Fetched stores what a fetch has brought: State, Reason, and what was found
// out about the content.
func (a *Account) Fetched(ctx context.Context, got storage.Attachment) error {
	return a.withFile(ctx, "store fetched file", got.ID, func(tx *storage.Tx, emit *emitter, f *storage.Attachment, row *storage.Message) error {
		if f.State != FileWanted && f.State != FileOffered {
			return nil // given up meanwhile
		}
		f.State, f.Reason, f.FileSecret = got.State, got.Reason, got.FileSecret
		f.MediaType, f.Size, f.Width, f.Height, f.Hash = got.MediaType, got.Size, got.Width, got.Height, got.Hash
		f.Thumbnail, f.ThumbnailType, f.Done = got.Thumbnail, got.ThumbnailType, got.Done
		return a.put(tx, emit, f, row)
	})
}

// GiveUp ends what is under way for a file: a fetch can go on later from where
// it is, an upload can be tried again.
func (a *Account) GiveUp(ctx context.Context, id int64) error {
	return a.withFile(ctx, "cancel transfer", id, func(tx *storage.Tx, emit *emitter, f *storage.Attachment, row *storage.Message) error {
		switch f.State {
		case FileQueued:
			return a.uploadFailed(tx, emit, f, row, ReasonCanceled)
		case FileOffered, FileWanted:
			f.State, f.Reason = FileRemote, ReasonCanceled
			return a.put(tx, emit, f, row)
		}
		return nil
	})
}

// RetryFiles sends a message with files again that failed, under a new id: what
// has been uploaded is not uploaded again. found is false if it has no files.
func (a *Account) RetryFiles(ctx context.Context, id int64, remoteID string) (found bool, err error) {
	err = a.update(ctx, func(tx *storage.Tx, emit *emitter) error {
		files, err := tx.Attachments(id)
		found = len(files) > 0
		if err != nil || !found {
			return err
		}
		row, err := tx.Message(id)
		if err != nil {
			return err
		}
		if !row.Outgoing || row.State != StateFailed {
			return ErrNoRetry
		}
		c, err := tx.Conversation(row.ConversationID)
		if err != nil {
			return err
		}
		for i := range files {
			if f := &files[i]; f.State == FileUnsent {
				f.State, f.Reason = FileQueued, ""
				if err := a.put(tx, emit, f, &row); err != nil {
					return err
				}
			}
		}
		if err := tx.SetMessageRemoteID(id, remoteID); err != nil {
			return err
		}
		if err := tx.SetMessageState(id, StateQueued, ""); err != nil {
			return err
		}
		emit.message(event.MessageChanged, row.ConversationID, id, "")
		emit.conversation(row.ConversationID)
		emit.transfers = true
		if err := tx.Enqueue(&storage.OutboxRow{
			AccountID: a.ID, ConversationID: c.ID, MessageID: id,
			Kind: OutMessage, To: c.Peer, State: OutUploading, Created: a.Now(),
		}); err != nil {
			return err
		}
		return a.release(tx)
	})
	if err != nil {
		return found, fmt.Errorf("send files again: %w", err)
	}
	return found, nil
}
