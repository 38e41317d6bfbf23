// SPDX-License-Identifier: MPL-2.0

package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// A Reader is the plain content of an encrypted file that has been found
// authentic. It decrypts what is read, wherever it is, and keeps nothing.
type Reader struct {
	*io.SectionReader
	src io.ReaderAt
	gcm *gcm
}

// Open authenticates an encrypted file of size bytes, tag included, and returns
// its plain content, for as long as src is open. Nobody may change the file
// meanwhile: what is read later is not authenticated again.
//
// Errors: [ErrAuthentication], [ErrKey], [ErrTooLarge], those of src, and the
// cause of ctx.
func Open(ctx context.Context, src io.ReaderAt, size int64, k Key) (*Reader, error) {
	r, err := open(ctx, src, size, k)
	if err != nil {
		return nil, fmt.Errorf("open encrypted file: %w", withoutName(err))
	}
	return r, nil
}

func open(ctx context.Context, src io.ReaderAt, size int64, k Key) (*Reader, error) {
	if err := pass(ctx, src, size, k, nil); err != nil {
		return nil, err
	}
	g, err := newGCM(k)
	if err != nil {
		return nil, err
	}
	r := &Reader{src: src, gcm: g}
	r.SectionReader = io.NewSectionReader(plainAt{r}, 0, size-tagSize)
	return r, nil
}

// plainAt decrypts at any place; the section above it keeps out the tag.
type plainAt struct{ r *Reader }

func (p plainAt) ReadAt(b []byte, offset int64) (int, error) {
	n, err := p.r.src.ReadAt(b, offset)
	if n == 0 {
		return 0, withoutName(err)
	}
	skip := int(offset % blockSize)
	if skip == 0 {
		p.r.gcm.keystream(b[:n], b[:n], offset)
		return n, withoutName(err)
	}
	var first [blockSize]byte
	head := copy(first[skip:], b[:n])
	p.r.gcm.keystream(first[:], first[:], offset-int64(skip))
	copy(b, first[skip:skip+head])
	p.r.gcm.keystream(b[head:n], b[head:n], offset+int64(head))
	return n, withoutName(err)
}

// pass reads an encrypted file from one end to the other, hands out its pieces
// decrypted unless out is nil, and says at the end whether it was authentic.
func pass(ctx context.Context, src io.ReaderAt, size int64, k Key, out func([]byte) error) error {
	if k.keySize == 0 {
		return ErrKey
	}
	if size < tagSize {
		return ErrAuthentication
	}
	size -= tagSize
	if size > MaxSize {
		return ErrTooLarge
	}
	g, err := newGCM(k)
	if err != nil {
		return err
	}
	buf := make([]byte, min(pieceSize, max(size, tagSize)))
	for offset := int64(0); offset < size; {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		piece := buf[:min(int64(len(buf)), size-offset)]
		if err := readAt(src, piece, offset); err != nil {
			return err
		}
		g.authenticate(piece)
		if out != nil {
			g.keystream(piece, piece, offset)
			if err := out(piece); err != nil {
				return err
			}
		}
		offset += int64(len(piece))
	}
	tag := buf[:tagSize]
	if err := readAt(src, tag, size); err != nil {
		return err
	}
	if !g.authentic(tag) {
		return ErrAuthentication
	}
	return nil
}

// readAt fills b; a file that has become shorter is not the one it was.
func readAt(src io.ReaderAt, b []byte, offset int64) error {
	n, err := src.ReadAt(b, offset)
	switch {
	case n == len(b):
		return nil
	case errors.Is(err, io.EOF):
		return ErrAuthentication
	}
	return err
}

// DecryptFile decrypts the file at src to dst. It is first read and
// authenticated as a whole; then dst appears, readable for its owner only, when
// it is complete and on the disk. Nothing decrypted is ever under the name dst,
// or left behind, when src is not authentic.
//
// Errors: as [Open].
func DecryptFile(ctx context.Context, dst, src string, k Key) error {
	if err := decryptFile(ctx, dst, src, k); err != nil {
		return fmt.Errorf("decrypt file: %w", withoutName(err))
	}
	return nil
}

func decryptFile(ctx context.Context, dst, src string, k Key) error {
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	if err := pass(ctx, in, info.Size(), k, nil); err != nil {
		return err
	}
	// The second pass authenticates again, lest the file was changed meanwhile.
	return replace(dst, func(out *os.File) error {
		return pass(ctx, in, info.Size(), k, func(piece []byte) error {
			_, err := out.Write(piece)
			return err
		})
	})
}
