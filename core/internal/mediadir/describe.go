// SPDX-License-Identifier: MPL-2.0

package mediadir

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/confab-im/confab/core/internal/picture"
	"github.com/confab-im/confab/network/transfer"
)

// Description is what a file's content says of itself.
type Description struct {
	MediaType     string // transfer.OctetStream when it looks like nothing known
	Width, Height int    // of a picture that can be read
	Thumbnail     []byte // a JPEG
}

// thumbnailLimit bounds thumbnails, which lie in the database, in bytes.
const thumbnailLimit = 24 << 10

const headSize = 512

// Describe looks at a file that is complete. A picture that cannot be decoded,
// or not within bounds, has no thumbnail and is no error.
//
// Errors: as [Folder.Open].
func (f *Folder) Describe(ctx context.Context, name string, secret []byte) (Description, error) {
	file, err := f.Open(ctx, name, secret)
	if err != nil {
		return Description{}, err
	}
	defer func() { _ = file.Close() }()
	var d Description
	head := make([]byte, headSize)
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return d, fmt.Errorf("describe file: %w", err)
	}
	d.MediaType = transfer.Sniff(head[:n])
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return d, fmt.Errorf("describe file: %w", err)
	}
	f.pictures.Lock()
	defer f.pictures.Unlock()
	info, err := picture.Inspect(file, picture.Limits{})
	if err != nil {
		return d, nil
	}
	d.Width, d.Height = info.Width, info.Height
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return d, fmt.Errorf("describe file: %w", err)
	}
	if t, err := picture.MakeThumbnail(file, picture.DefaultBox, thumbnailLimit, picture.Limits{}); err == nil {
		d.Thumbnail = t.Data
	}
	return d, nil
}

// IsPicture says whether src begins like a picture that can be prepared, and
// goes back to the beginning.
func IsPicture(src io.ReadSeeker) (bool, error) {
	_, inspectErr := picture.Inspect(src, picture.Limits{Pixels: 1 << 40, Memory: 1 << 50})
	if _, err := src.Seek(0, io.SeekStart); err != nil {
		return false, fmt.Errorf("%w: %w", ErrSource, reason(err))
	}
	return inspectErr == nil, nil
}

// KeepPicture is Keep for a picture that is scaled, turned and stripped of what
// it says about its maker.
//
// Errors: as [Folder.Keep], and picture.ErrMalformed, picture.ErrTooLarge.
func (f *Folder) KeepPicture(ctx context.Context, name string, src io.ReadSeeker) (Kept, error) {
	f.pictures.Lock()
	defer f.pictures.Unlock()
	r, w := io.Pipe()
	prepared := make(chan error, 1)
	go func() {
		_, err := picture.Prepare(w, src, picture.DefaultSendBox, picture.Limits{})
		_ = w.CloseWithError(err)
		prepared <- err
	}()
	kept, err := f.Keep(ctx, name, r)
	_ = r.Close()
	if failed := <-prepared; failed != nil && !errors.Is(failed, io.ErrClosedPipe) {
		err = fmt.Errorf("prepare picture: %w", failed)
	}
	return kept, err
}

// MayBePicture says whether content that begins with head looks like a picture
// that can be prepared.
func MayBePicture(head []byte) bool {
	switch transfer.Sniff(head) {
	case picture.JPEG, picture.PNG, picture.GIF, picture.WebP:
		return true
	}
	return false
}
