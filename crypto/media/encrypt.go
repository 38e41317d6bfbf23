// SPDX-License-Identifier: MPL-2.0

package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// Size returns the size in bytes of an encrypted file, for the size of the plain
// one.
func Size(plain int64) int64 { return plain + tagSize }

// An Encrypter reads a plain file and is read as the encrypted one, tag
// included. It holds two pieces of 64 KiB at most.
type Encrypter struct {
	src   io.Reader
	key   Key
	gcm   *gcm
	piece []byte // what is ready, in a buffer with room for a tag
	buf   []byte
	err   error // of src, or io.EOF when all is ready
}

// NewEncrypter returns an Encrypter with a fresh key for all that src has.
func NewEncrypter(src io.Reader) (*Encrypter, error) {
	return newEncrypter(src, newKey())
}

func newEncrypter(src io.Reader, k Key) (*Encrypter, error) {
	g, err := newGCM(k)
	if err != nil {
		return nil, fmt.Errorf("encrypt file: %w", err)
	}
	return &Encrypter{src: src, key: k, gcm: g, buf: make([]byte, pieceSize, pieceSize+tagSize)}, nil
}

// Key returns the key that opens the encrypted file.
func (e *Encrypter) Key() Key { return e.key }

// Read implements [io.Reader]. When the plain file cannot be read, the encrypted
// one ends without a tag and so never passes for complete.
func (e *Encrypter) Read(p []byte) (int, error) {
	if len(e.piece) == 0 && len(p) > 0 {
		e.next()
	}
	n := copy(p, e.piece)
	e.piece = e.piece[n:]
	if len(e.piece) == 0 && n == 0 && len(p) > 0 {
		return 0, e.err
	}
	return n, nil
}

// next gets the next piece ready.
func (e *Encrypter) next() {
	if e.err != nil {
		return
	}
	n, err := io.ReadFull(e.src, e.buf[:pieceSize])
	ended := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	switch {
	case err != nil && !ended:
		e.err = fmt.Errorf("encrypt file: %w", withoutName(err))
		return
	case e.gcm.size+int64(n) > MaxSize:
		e.err = fmt.Errorf("encrypt file: %w", ErrTooLarge)
		return
	}
	e.piece = e.buf[:n]
	e.gcm.keystream(e.piece, e.piece, e.gcm.size)
	e.gcm.authenticate(e.piece)
	if ended {
		tag := e.gcm.tag()
		e.piece = append(e.piece, tag[:]...)
		e.err = io.EOF
	}
}

// EncryptFile encrypts the file at src to dst, which appears, readable for its
// owner only, when it is complete and on the disk. It returns the key and the
// size of dst.
//
// Errors: [ErrTooLarge], those of the file system, and the cause of ctx.
func EncryptFile(ctx context.Context, dst, src string) (Key, int64, error) {
	in, err := os.Open(src)
	if err != nil {
		return Key{}, 0, fmt.Errorf("encrypt file: %w", withoutName(err))
	}
	defer in.Close()
	e, err := NewEncrypter(in)
	if err != nil {
		return Key{}, 0, err
	}
	size := int64(0)
	err = replace(dst, func(out *os.File) error {
		buf := make([]byte, pieceSize)
		for {
			n, err := e.Read(buf)
			if _, err := out.Write(buf[:n]); err != nil {
				return err
			}
			size += int64(n)
			switch {
			case errors.Is(err, io.EOF):
				return nil
			case err != nil:
				return err
			case ctx.Err() != nil:
				return context.Cause(ctx)
			}
		}
	})
	if err != nil {
		return Key{}, 0, fmt.Errorf("encrypt file: %w", withoutName(err))
	}
	return e.Key(), size, nil
}
