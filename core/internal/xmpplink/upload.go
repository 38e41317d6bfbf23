// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/confab-im/confab/core/internal/code"
	"github.com/confab-im/confab/core/internal/mediadir"
	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/crypto/media"
	"github.com/confab-im/confab/network/transfer"
	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/storage"
)

// upload carries a file of ours to the upload service (XEP-0363) and lets its
// message go.
func (t *transfers) upload(ctx context.Context, f storage.Attachment) {
	err := t.put(ctx, &f)
	if ctx.Err() != nil {
		return // given up, or to be gone on with by another process
	}
	if err == nil {
		t.succeeded(f.ID)
		t.link.Wake()
		return
	}
	reason := uploadReason(err)
	failures := t.failed(f.ID)
	t.link.log.Info("file not uploaded", "code", code.Of(err), "attempt", failures)
	account := t.link.account
	if passing(err) || failures < maxFailures && !hopeless(err) {
		err = account.UploadDelayed(ctx, f.ID, reason)
	} else {
		err = account.UploadFailed(ctx, f.ID, reason)
		t.succeeded(f.ID) // the next try is a person's
	}
	if err != nil && ctx.Err() == nil {
		t.link.log.Debug("state of upload not stored", "code", code.Of(err))
	}
}

func (t *transfers) put(ctx context.Context, f *storage.Attachment) error {
	body, size, err := t.source(ctx, f)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	s, err := t.uploadService(ctx)
	if err != nil {
		return err
	}
	request := xmpp.UploadRequest{Name: xmpp.FileInfo{Name: f.Name}.SafeName(), Size: size, MediaType: f.MediaType, Purpose: xmpp.MessageUpload}
	if len(f.Secret) > 0 {
		// The ending stays: many clients know the type of an encrypted file
		// by nothing else.
		request.Name = strings.ToLower(rand.Text()) + mediadir.Ending(f.Name)
		request.MediaType = transfer.OctetStream
	}
	var slot xmpp.Slot
	err = t.link.connected(ctx, func() (err error) {
		slot, err = t.link.client.RequestSlot(ctx, s, request)
		return err
	})
	if err != nil {
		t.forgetService()
		return err
	}
	tell := t.progress(f)
	u := transfer.Upload{
		URL: slot.Put, Body: body, Size: size, MediaType: request.MediaType,
		Progress: func(sent int64) { tell(sent, size) },
	}
	for _, h := range slot.Headers {
		u.Headers = append(u.Headers, transfer.Header(h))
	}
	if err := t.client.Put(ctx, u); err != nil {
		return err
	}
	pipeline.KillPoint("upload.sent")
	err = t.link.account.Uploaded(ctx, f.ID, slot.Get)
	pipeline.KillPoint("upload.committed")
	return err
}

// source is what is uploaded: the file as it lies in the folder, or its content.
func (t *transfers) source(ctx context.Context, f *storage.Attachment) (io.ReadCloser, int64, error) {
	folder := t.link.conn.Media.Folder
	if len(f.Secret) > 0 {
		return folder.Raw(f.File)
	}
	file, err := folder.Open(ctx, f.File, f.FileSecret)
	if err != nil {
		return nil, 0, err
	}
	return file, file.Size(), nil
}

// serviceAge is for how long an upload service is taken for the same.
const serviceAge = 15 * time.Minute

// uploadService looks for the upload service of our server; the first that
// speaks the newest version is taken.
func (t *transfers) uploadService(ctx context.Context) (xmpp.UploadService, error) {
	t.mu.Lock()
	s := t.service
	t.mu.Unlock()
	if !s.at.IsZero() && time.Since(s.at) < serviceAge {
		return s.UploadService, nil
	}
	var found []xmpp.UploadService
	err := t.link.connected(ctx, func() (err error) {
		found, err = t.link.client.FetchUploadServices(ctx)
		return err
	})
	if err != nil {
		return xmpp.UploadService{}, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.service = service{found[0], time.Now()}
	return found[0], nil
}

// forgetService has the service looked up again.
func (t *transfers) forgetService() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.service = service{}
}

// UploadLimit returns the size in bytes up to which content can be uploaded, 0
// when the service does not tell. It waits for a connection.
func (l *Link) UploadLimit(ctx context.Context, encrypted bool) (int64, error) {
	<-l.life.ready
	if l.transfers == nil {
		return 0, errNotStarted
	}
	s, err := l.transfers.uploadService(ctx)
	if err == nil && s.MaxSize > 0 && encrypted {
		return max(1, s.MaxSize-media.Size(0)), nil
	}
	return s.MaxSize, err
}

// passing says that an upload will be tried until it succeeds.
func passing(err error) bool {
	var quota *xmpp.UploadQuotaError
	switch {
	case transfer.Temporary(err), errors.Is(err, transfer.ErrQuota), errors.As(err, &quota):
		return true
	}
	return code.In(err, "storage") || temporary(err)
}

// hopeless says that another try would end the same way.
func hopeless(err error) bool {
	for _, final := range []error{
		xmpp.ErrNoUpload, xmpp.ErrUploadRefused, transfer.ErrSource, mediadir.ErrMissing, mediadir.ErrSecret,
		media.ErrAuthentication,
	} {
		if errors.Is(err, final) {
			return true
		}
	}
	return uploadReason(err) == pipeline.ReasonTooLarge
}

func uploadReason(err error) string {
	var refused *xmpp.UploadTooLargeError
	var large *transfer.TooLargeError
	if errors.As(err, &refused) || errors.As(err, &large) {
		return pipeline.ReasonTooLarge
	}
	return code.Of(err)
}
