// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/confab-im/confab/core/internal/mediadir"
	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/storage"
)

// AttachmentID names a file of a message in this database, for good.
type AttachmentID = int64

// AttachmentState says where a file is.
type AttachmentState uint8

// The states of a file.
const (
	FileRemote      = AttachmentState(pipeline.FileRemote)  // of somebody else: not here. Reason if a download was given up
	FileOffered     = AttachmentState(pipeline.FileOffered) // being downloaded by itself: see DownloadPolicy
	FileDownloading = AttachmentState(pipeline.FileWanted)  // being downloaded, as was asked for
	FileHere        = AttachmentState(pipeline.FileHere)    // whole, authentic and here
	FileBroken      = AttachmentState(pipeline.FileBroken)  // the download failed: see Reason
	FileUploading   = AttachmentState(pipeline.FileQueued)  // ours: here, being uploaded. Reason if that is held up
	FileUnsent      = AttachmentState(pipeline.FileUnsent)  // ours: here, not uploaded: see Reason
)

// String returns the state's stable name.
func (s AttachmentState) String() string {
	return name(map[AttachmentState]string{
		FileRemote: "remote", FileOffered: "offered", FileDownloading: "downloading", FileHere: "here", FileBroken: "broken",
		FileUploading: "uploading", FileUnsent: "unsent",
	}, s)
}

// Attachment is a file of a message as it was when it was read. Until it is
// here, all that is known of it is what its sender says. A sticker is a picture
// and a voice message a sound with a Duration: nothing else tells them.
type Attachment struct {
	ID            AttachmentID
	Message       MessageID
	Conversation  ConversationID
	Account       AccountID
	State         AttachmentState
	Reason        string        // stable code: see State; media.mismatch: it is here, and no such thing as Name says
	Name          string        // fit for a file system; empty when unknown
	MediaType     string        // by its content when it is here; empty when unknown
	Size          int64         // in bytes; -1 when unknown
	Width, Height int           // of a picture in pixels; 0 when unknown
	Duration      time.Duration // of sound and film; 0 when unknown
	Thumbnail     []byte        // a picture of type ThumbnailType; of others' making until the file is here
	ThumbnailType string
	Encrypted     bool // end to end, by a key in the message
}

// LogValue keeps names and pictures out of logs.
func (a Attachment) LogValue() slog.Value {
	return slog.GroupValue(slog.Int64("id", a.ID), slog.String("state", a.State.String()))
}

// Format keeps them out of whatever is printed, with every verb.
func (a Attachment) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "attachment %d of message %d, %s", a.ID, a.Message, a.State)
}

func attachmentOf(row *storage.Attachment) Attachment {
	a := Attachment{
		ID: row.ID, Message: row.MessageID, Conversation: row.ConversationID, Account: row.AccountID,
		State: AttachmentState(row.State), Reason: row.Reason, MediaType: row.MediaType, Size: row.Size,
		Width: row.Width, Height: row.Height, Duration: row.Duration, Thumbnail: row.Thumbnail,
		ThumbnailType: row.ThumbnailType, Encrypted: len(row.Secret) > 0,
	}
	if row.Name != "" {
		a.Name = xmpp.FileInfo{Name: row.Name}.SafeName()
	}
	return a
}

func attachmentsOf(rows []storage.Attachment) []Attachment {
	list := make([]Attachment, len(rows))
	for i := range rows {
		list[i] = attachmentOf(&rows[i])
	}
	return list
}

// Attachment returns one file, or ErrNoAttachment.
func (c *Client) Attachment(ctx context.Context, id AttachmentID) (Attachment, error) {
	row, err := c.attachment(ctx, id)
	if err != nil {
		return Attachment{}, err
	}
	return attachmentOf(&row), nil
}

func (c *Client) attachment(ctx context.Context, id AttachmentID) (row storage.Attachment, err error) {
	err = c.db.View(ctx, func(r *storage.Reader) (err error) {
		row, err = r.Attachment(id)
		return err
	})
	if err != nil {
		return row, notFound(err, ErrNoAttachment, "read attachment")
	}
	return row, nil
}

// Attachments returns the files of a message in their order. Message.Files says
// whether there are any.
func (c *Client) Attachments(ctx context.Context, id MessageID) ([]Attachment, error) {
	return c.attachments(ctx, func(r *storage.Reader) ([]storage.Attachment, error) { return r.Attachments(id) })
}

// Attachments returns up to limit files of the conversation, the newest first,
// with ids below before; before 0 starts at the newest.
func (cv *Conversation) Attachments(ctx context.Context, before AttachmentID, limit int) ([]Attachment, error) {
	return cv.client.attachments(ctx, func(r *storage.Reader) ([]storage.Attachment, error) {
		return r.ConversationAttachments(cv.id, before, page(limit))
	})
}

func (c *Client) attachments(ctx context.Context, read func(*storage.Reader) ([]storage.Attachment, error)) ([]Attachment, error) {
	var rows []storage.Attachment
	err := c.db.View(ctx, func(r *storage.Reader) (err error) {
		rows, err = read(r)
		return err
	})
	if err != nil {
		return nil, failed("read attachments", err)
	}
	return attachmentsOf(rows), nil
}

// Download has a file fetched and returns. It goes on whatever happens to the
// network or this process, from where it ended, until the file is FileHere, or
// FileBroken; EventTransfer tells. An encrypted file counts as here once all of
// it has been found authentic. A file that was broken is tried again,
// and so is one that is gone from the folder, as after a Backup was restored.
//
// Errors: ErrNoAttachment; "core.not-fetchable" for one of ours; storage's.
func (c *Client) Download(ctx context.Context, id AttachmentID) error {
	row, err := c.attachment(ctx, id)
	if err != nil {
		return err
	}
	a, err := c.Account(row.AccountID)
	if err != nil {
		return err
	}
	if err := a.pipe.Want(ctx, id, !c.media.folder.Has(row.File)); err != nil {
		return notFound(err, ErrNoAttachment, "download file")
	}
	return nil
}

// CancelTransfer ends the download or the upload of a file. What there is of a
// download stays, for another Download. A message whose file is not uploaded
// fails with "media.canceled": Conversation.Retry sends it after all.
func (c *Client) CancelTransfer(ctx context.Context, id AttachmentID) error {
	a, err := c.accountOf(ctx, id)
	if err != nil {
		return err
	}
	if err := a.pipe.GiveUp(ctx, id); err != nil {
		return notFound(err, ErrNoAttachment, "cancel transfer")
	}
	a.withLink(func(l link) { l.CancelTransfer(id) })
	a.wake()
	return nil
}

func (c *Client) accountOf(ctx context.Context, id AttachmentID) (*Account, error) {
	row, err := c.attachment(ctx, id)
	if err != nil {
		return nil, err
	}
	return c.Account(row.AccountID)
}

// File is the content of an Attachment, decrypted as it is read: nothing of it
// is on the disk in the clear. Close it. ReadAt may be called by several
// goroutines, Read and Seek by one at a time.
type File struct {
	Attachment Attachment
	content    *mediadir.File
}

var _ interface {
	io.ReadSeekCloser
	io.ReaderAt
} = (*File)(nil)

// Read implements io.Reader.
func (f *File) Read(p []byte) (int, error) { return f.content.Read(p) }

// ReadAt implements io.ReaderAt.
func (f *File) ReadAt(p []byte, at int64) (int, error) { return f.content.ReadAt(p, at) }

// Seek implements io.Seeker.
func (f *File) Seek(offset int64, whence int) (int64, error) { return f.content.Seek(offset, whence) }

// Size returns the size in bytes.
func (f *File) Size() int64 { return f.content.Size() }

// Close implements io.Closer.
func (f *File) Close() error { return f.content.Close() }

// OpenFile opens a file that is here, or is ours, once all of it has been found
// authentic.
//
// Errors: ErrNoAttachment, ErrNotHere; "media.authentication" if the file was
// changed on the disk, "media.missing" if it is gone from it.
func (c *Client) OpenFile(ctx context.Context, id AttachmentID) (*File, error) {
	row, err := c.here(ctx, id)
	if err != nil {
		return nil, err
	}
	content, err := c.media.folder.Open(ctx, row.File, row.FileSecret)
	if err != nil {
		return nil, failed("open file", err)
	}
	return &File{Attachment: attachmentOf(&row), content: content}, nil
}

// SaveFile writes a decrypted copy of a file to a path, which appears, readable
// for its owner only, when it is complete. A file that is there is replaced.
//
// Errors: as OpenFile.
func (c *Client) SaveFile(ctx context.Context, id AttachmentID, path string) error {
	row, err := c.here(ctx, id)
	if err != nil {
		return err
	}
	if err := c.media.folder.Save(ctx, path, row.File, row.FileSecret); err != nil {
		return failed("save file", err)
	}
	return nil
}

func (c *Client) here(ctx context.Context, id AttachmentID) (storage.Attachment, error) {
	row, err := c.attachment(ctx, id)
	if err != nil {
		return row, err
	}
	switch row.State {
	case pipeline.FileHere, pipeline.FileQueued, pipeline.FileUnsent:
		return row, nil
	}
	return row, ErrNotHere
}
