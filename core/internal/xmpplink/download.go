// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/confab-im/confab/core/internal/code"
	"github.com/confab-im/confab/core/internal/mediadir"
	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/crypto/media"
	"github.com/confab-im/confab/network/transfer"
	"github.com/confab-im/confab/storage"
)

// coded is an error of this file.
type coded struct{ code, text string }

func (e *coded) Error() string { return e.text }

// Code returns the stable code.
func (e *coded) Code() string { return e.code }

var errHash error = &coded{"media.hash", "file is not what its sender has shared"}

// fetch brings a file into the folder and looks at what it is.
func (t *transfers) fetch(ctx context.Context, f storage.Attachment) {
	offered := f.State == pipeline.FileOffered
	err := t.get(ctx, &f, offered)
	if ctx.Err() != nil {
		return
	}
	account := t.link.account
	if err == nil {
		t.succeeded(f.ID)
		f.State = pipeline.FileHere
	} else {
		failures := t.failed(f.ID)
		t.link.log.Info("file not fetched", "code", code.Of(err), "attempt", failures)
		again := transfer.Temporary(err) && failures < maxFailures && (!offered || failures < 2)
		if again || code.In(err, "storage") {
			return
		}
		t.succeeded(f.ID) // the next try is a person's
		f.State, f.Reason = pipeline.FileBroken, fetchReason(err)
		if offered {
			f.State = pipeline.FileRemote
		}
	}
	err = account.Fetched(ctx, f)
	if errors.Is(err, storage.ErrNotFound) {
		err = t.link.conn.Media.Folder.Remove(f.File) // its message was deleted meanwhile
	}
	if err != nil && ctx.Err() == nil {
		t.link.log.Debug("state of download not stored", "code", code.Of(err))
	}
}

func fetchReason(err error) string {
	var large *transfer.TooLargeError
	if errors.As(err, &large) {
		return pipeline.ReasonTooLarge
	}
	return code.Of(err)
}

// get fetches, checks and describes a file.
func (t *transfers) get(ctx context.Context, f *storage.Attachment, offered bool) error {
	m := &t.link.conn.Media
	client, limit := t.client, m.MaxSize
	if offered {
		client, limit = t.wary, min(m.Pictures, m.MaxSize)
	}
	if limit < f.Size {
		return &transfer.TooLargeError{Limit: limit}
	}
	select { // while there is no connection nothing else works either
	case <-t.link.status.connected():
	case <-ctx.Done():
		return ctx.Err()
	}
	tell := t.progress(f)
	d := transfer.Download{URL: f.URL, Limit: limit, Progress: tell}
	var err error
	if len(f.Secret) > 0 {
		err = t.getEncrypted(ctx, client, f, d)
	} else {
		err = t.getPlain(ctx, client, f, d)
	}
	if err != nil {
		return err
	}
	about, err := m.Folder.Describe(ctx, f.File, f.FileSecret)
	if err != nil {
		return err
	}
	f.Done, f.Reason = f.Size, ""
	deceives := mediadir.Deceives(f.Name, about.MediaType)
	if deceives {
		f.Reason = pipeline.ReasonMismatch
	}
	if deceives || about.MediaType != transfer.OctetStream || f.MediaType == "" {
		f.MediaType = about.MediaType
	}
	if about.Width > 0 {
		f.Width, f.Height = about.Width, about.Height
	}
	if about.Thumbnail != nil {
		f.Thumbnail, f.ThumbnailType = about.Thumbnail, "image/jpeg"
	}
	return nil
}

// getEncrypted keeps an encrypted file as it comes, and goes on with what there
// is of it. It counts for here once all of it was found authentic.
func (t *transfers) getEncrypted(ctx context.Context, client *transfer.Client, f *storage.Attachment, d transfer.Download) error {
	folder := t.link.conn.Media.Folder
	if _, err := mediadir.Key(f.Secret); err != nil {
		return err
	}
	path, err := folder.Path(f.File)
	if err != nil {
		return err
	}
	d.Limit = media.Size(d.Limit)
	if raw, _, err := folder.Raw(f.File); err == nil { // by a process that was killed then
		_ = raw.Close()
	} else if _, err := client.ResumeFile(ctx, path, d); err != nil {
		return err
	}
	pipeline.KillPoint("download.complete")
	size, err := check(ctx, folder, f)
	if err != nil {
		if ctx.Err() == nil {
			_ = folder.Remove(f.File)
		}
		return err
	}
	f.FileSecret, f.Size = f.Secret, size
	return nil
}

// check reads a whole file: its tag, and its hash if the sender has told it.
func check(ctx context.Context, folder *mediadir.Folder, f *storage.Attachment) (int64, error) {
	file, err := folder.Open(ctx, f.File, f.Secret)
	if err != nil {
		return 0, err
	}
	defer func() { _ = file.Close() }()
	if len(f.Hash) == 0 {
		return file.Size(), nil
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return 0, fmt.Errorf("check file: %w", err)
	}
	if !bytes.Equal(hash.Sum(nil), f.Hash) {
		return 0, errHash
	}
	return file.Size(), nil
}

// getPlain encrypts a file as it comes.
func (t *transfers) getPlain(ctx context.Context, client *transfer.Client, f *storage.Attachment, d transfer.Download) error {
	folder := t.link.conn.Media.Folder
	r, w := io.Pipe()
	fetched := make(chan error, 1)
	t.wg.Go(func() {
		_, err := client.Get(ctx, d, w)
		_ = w.CloseWithError(err)
		fetched <- err
	})
	kept, err := folder.Keep(ctx, f.File, r)
	_ = r.Close()
	if failed := <-fetched; failed != nil && !errors.Is(failed, transfer.ErrTarget) {
		return failed
	}
	if err != nil {
		return err
	}
	if len(f.Hash) > 0 && !bytes.Equal(f.Hash, kept.Hash) {
		_ = folder.Remove(f.File)
		return errHash
	}
	f.FileSecret, f.Size, f.Hash = kept.Secret, kept.Size, kept.Hash
	return nil
}
