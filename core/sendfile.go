// SPDX-License-Identifier: MPL-2.0

package core

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/confab-im/confab/core/internal/mediadir"
	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/network/transfer"
	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/storage"
)

// FileDraft is a file to send. Either Path or Reader is needed.
type FileDraft struct {
	// Path is a file. It may be removed once SendFile has returned.
	Path string
	// Reader is read to its end instead, when Path is empty.
	Reader io.Reader
	// Name is what the file is called for others: the last part of Path when
	// empty. In encrypted conversations most clients learn its ending only.
	Name string
	// MediaType is what it is, when its content does not tell.
	MediaType string
	// Duration of sound or film, as in voice messages.
	Duration time.Duration
	// Original sends a picture as it is, with all that it says about its maker:
	// places, times, devices. Otherwise pictures (JPEG, PNG, WebP) are turned the
	// right way up, scaled to at most 2560 pixels and stripped of it, and GIFs
	// of their comments. Files in other formats are always sent as they are.
	Original bool
	// Caption is a text that follows as a message of its own.
	Caption string
}

// Format keeps the name and the caption out of whatever is printed.
func (d FileDraft) Format(f fmt.State, _ rune) { fmt.Fprint(f, "draft of a file") }

// FileTooLargeError says that a file exceeds what the server takes.
type FileTooLargeError struct{ Limit int64 } // bytes

func (e *FileTooLargeError) Error() string {
	return "core: file too large, limit " + strconv.FormatInt(e.Limit, 10) + " bytes"
}

// Code returns the stable code.
func (e *FileTooLargeError) Code() string { return pipeline.ReasonTooLarge }

// limitWait bounds how long SendFile waits to learn the server's limit.
const limitWait = 5 * time.Second

// SendFile makes a message with a file durable, encrypted in the folder of media
// files, and returns. From here on it is uploaded to the server's upload service
// (XEP-0363) and its message sent, whatever happens to the network, the source
// or this process: EventTransfer tells how far it is. Where the conversation is
// encrypted, so is the file (XEP-0454; with OMEMO 2 XEP-0448 as well), else it
// is shared by its address (XEP-0447, XEP-0066) for everybody who knows it.
// Texts that are sent meanwhile do not wait for it. An upload that cannot
// succeed makes the message MessageFailed: see Conversation.Retry.
//
// Errors: ErrNoSource, ErrEmptyFile; *FileTooLargeError, when it is known by
// then; those of a Draft for Caption; "media.source" if the source cannot be
// read, "media.folder" if the folder cannot be written; of pictures
// "picture.malformed" and "picture.too-large", unless Original; storage's.
func (cv *Conversation) SendFile(ctx context.Context, d FileDraft) (MessageID, error) {
	next, err := cv.caption(&d)
	if err != nil {
		return 0, err
	}
	src, size, err := d.open()
	if err != nil {
		return 0, err
	}
	defer func() { _ = src.Close() }()
	encrypted, err := cv.encrypts(ctx)
	if err != nil {
		return 0, err
	}
	folder := cv.client.media.folder
	name := folder.Hold()
	defer folder.Release(name)
	row, err := cv.keep(ctx, &d, src, name, cv.limit(ctx, encrypted), size)
	if err == nil {
		var id MessageID
		id, err = cv.enqueue(ctx, pipeline.Outgoing{
			Conversation: cv.id, RemoteID: rand.Text(), Content: pipeline.Content{Files: make([]pipeline.File, 1)},
			Files: []storage.Attachment{row}, Next: next,
		})
		if err == nil {
			return id, nil
		}
	}
	return 0, errors.Join(err, folder.Remove(name))
}

// caption makes the message that follows a file.
func (cv *Conversation) caption(d *FileDraft) (*pipeline.Outgoing, error) {
	if d.Caption == "" {
		return nil, nil
	}
	text := Draft{Body: d.Caption}
	if err := text.check(); err != nil {
		return nil, err
	}
	return &pipeline.Outgoing{
		Conversation: cv.id, RemoteID: rand.Text(), Content: pipeline.Content{Body: d.Caption}, AfterFiles: true,
	}, nil
}

// open returns the source and its size, -1 if that is not known.
func (d *FileDraft) open() (io.ReadCloser, int64, error) {
	if d.Path == "" {
		if d.Reader == nil {
			return nil, 0, ErrNoSource
		}
		return io.NopCloser(d.Reader), -1, nil
	}
	if d.Name == "" {
		d.Name = filepath.Base(d.Path)
	}
	file, err := os.Open(d.Path)
	if err != nil {
		return nil, 0, fmt.Errorf("open file: %w: %w", mediadir.ErrSource, pathless(err))
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrInvalid
	}
	if err != nil {
		_ = file.Close()
		return nil, 0, fmt.Errorf("open file: %w: %w", mediadir.ErrSource, pathless(err))
	}
	return file, info.Size(), nil
}

// pathless is an error of a file without its name.
func pathless(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

func (cv *Conversation) encrypts(ctx context.Context) (bool, error) {
	info, err := cv.Info(ctx)
	return info.Encryption != Plain, err
}

// limit is what the server takes, 0 when that is not known now.
func (cv *Conversation) limit(ctx context.Context, encrypted bool) (limit int64) {
	if cv.account.State().State != Online {
		return 0
	}
	ctx, cancel := context.WithTimeout(ctx, limitWait)
	defer cancel()
	cv.account.withLink(func(l link) {
		if n, err := l.UploadLimit(ctx, encrypted); err == nil {
			limit = n
		}
	})
	return limit
}

// keep brings the file into the folder and describes it.
func (cv *Conversation) keep(ctx context.Context, d *FileDraft, src io.Reader, name string, limit, size int64) (storage.Attachment, error) {
	folder := cv.client.media.folder
	kept, err := keepSource(ctx, folder, d, src, name, limit, size)
	var large *FileTooLargeError
	switch {
	case errors.As(err, &large):
		return storage.Attachment{}, large
	case err != nil:
		return storage.Attachment{}, failed("send file", err)
	case kept.Size == 0:
		return storage.Attachment{}, ErrEmptyFile
	}
	about, err := folder.Describe(ctx, name, kept.Secret)
	if err != nil {
		return storage.Attachment{}, failed("send file", err)
	}
	row := storage.Attachment{
		Name: cleanName(d.Name), MediaType: about.MediaType, Size: kept.Size, Width: about.Width, Height: about.Height,
		Duration: max(d.Duration, 0), Hash: kept.Hash, Thumbnail: about.Thumbnail, File: name, FileSecret: kept.Secret,
	}
	if row.MediaType == transfer.OctetStream {
		row.MediaType = mediadir.TypeOf(row.Name)
		if kind := (xmpp.FileInfo{MediaType: d.MediaType}).MediaType; kind != "" && utf8.ValidString(kind) {
			row.MediaType = kind
		}
	}
	if row.Thumbnail != nil {
		row.ThumbnailType = "image/jpeg"
	}
	row.Name = mediadir.Called(row.Name, about.MediaType)
	return row, nil
}

// cleanName is a name that others can use.
func cleanName(name string) string {
	if name == "" {
		return ""
	}
	return xmpp.FileInfo{Name: name}.SafeName()
}

// keepSource encrypts the source into the folder, pictures after they have been
// prepared. One that cannot be read twice is kept as it is first.
func keepSource(ctx context.Context, folder *mediadir.Folder, d *FileDraft, src io.Reader, name string, limit, size int64) (mediadir.Kept, error) {
	seeker, seeks := src.(io.ReadSeeker)
	picture := false
	if !d.Original {
		if !seeks {
			head := bufio.NewReaderSize(src, 512)
			first, _ := head.Peek(512) // an error comes again
			src, picture = head, mediadir.MayBePicture(first)
		} else {
			var err error
			if picture, err = mediadir.IsPicture(seeker); err != nil {
				return mediadir.Kept{}, err
			}
		}
	}
	switch {
	case !picture:
		if limit > 0 {
			if size > limit {
				return mediadir.Kept{}, &FileTooLargeError{Limit: limit}
			}
			src = &limited{src: src, left: limit, limit: limit}
		}
		return folder.Keep(ctx, name, src)
	case seeks:
		return checked(limit)(folder.KeepPicture(ctx, name, seeker))
	}
	first := folder.Hold()
	defer folder.Release(first)
	defer func() { _ = folder.Remove(first) }()
	raw, err := folder.Keep(ctx, first, src)
	if err != nil {
		return raw, err
	}
	file, err := folder.Open(ctx, first, raw.Secret)
	if err != nil {
		return raw, err
	}
	defer func() { _ = file.Close() }()
	if picture, err = mediadir.IsPicture(file); err != nil {
		return raw, err
	}
	if !picture {
		return checked(limit)(folder.Keep(ctx, name, file))
	}
	return checked(limit)(folder.KeepPicture(ctx, name, file))
}

// checked refuses what is larger than the limit, if there is one.
func checked(limit int64) func(mediadir.Kept, error) (mediadir.Kept, error) {
	return func(k mediadir.Kept, err error) (mediadir.Kept, error) {
		if err == nil && limit > 0 && k.Size > limit {
			err = &FileTooLargeError{Limit: limit}
		}
		return k, err
	}
}

// limited ends with an error after limit bytes.
type limited struct {
	src         io.Reader
	left, limit int64
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.src.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, &FileTooLargeError{Limit: l.limit}
	}
	return n, err
}
