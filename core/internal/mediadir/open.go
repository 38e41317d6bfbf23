// SPDX-License-Identifier: MPL-2.0

package mediadir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/confab-im/confab/crypto/media"
)

// File is the content of a file in the folder, decrypted as it is read.
type File struct {
	*media.Reader
	file *os.File
}

// Close ends the reading.
func (f *File) Close() error { return f.file.Close() }

// Has says whether there is a file of that name.
func (f *Folder) Has(name string) bool {
	_, err := os.Stat(filepath.Join(f.path, filepath.Base(name)))
	return err == nil
}

// Raw opens a file as it lies there, encrypted.
//
// Errors: [ErrMissing], [ErrFolder].
func (f *Folder) Raw(name string) (*os.File, int64, error) {
	file, err := os.Open(filepath.Join(f.path, filepath.Base(name)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, ErrMissing
	}
	if err != nil {
		return nil, 0, fmt.Errorf("open file: %w: %w", ErrFolder, reason(err))
	}
	info, err := file.Stat()
	if err != nil {
		_ = file.Close()
		return nil, 0, fmt.Errorf("open file: %w: %w", ErrFolder, reason(err))
	}
	return file, info.Size(), nil
}

// Open opens a file once it has been read and found authentic as a whole.
//
// Errors: [ErrMissing], [ErrSecret], media.ErrAuthentication, [ErrFolder], and
// the cause of ctx.
func (f *Folder) Open(ctx context.Context, name string, secret []byte) (*File, error) {
	key, err := Key(secret)
	if err != nil {
		return nil, err
	}
	file, size, err := f.Raw(name)
	if err != nil {
		return nil, err
	}
	r, err := media.Open(ctx, file, size, key)
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("open file: %w", err)
	}
	return &File{Reader: r, file: file}, nil
}

// Save decrypts a file to the path dst, which appears when it is complete.
//
// Errors: as [Folder.Open].
func (f *Folder) Save(ctx context.Context, dst, name string, secret []byte) error {
	key, err := Key(secret)
	if err != nil {
		return err
	}
	src := filepath.Join(f.path, filepath.Base(name))
	if _, err := os.Stat(src); errors.Is(err, fs.ErrNotExist) {
		return ErrMissing
	}
	if err := media.DecryptFile(ctx, dst, src, key); err != nil {
		return fmt.Errorf("save file: %w", err)
	}
	return nil
}
