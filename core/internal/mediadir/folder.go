// SPDX-License-Identifier: MPL-2.0

package mediadir

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/confab-im/confab/crypto/media"
)

type codedError struct{ code, msg string }

func (e *codedError) Error() string { return e.msg }

// Code returns the stable name of the error.
func (e *codedError) Code() string { return e.code }

// Errors of this package, besides those of crypto/media. None names a file.
var (
	// ErrSource: what was to be kept could not be read.
	ErrSource error = &codedError{"media.source", "file cannot be read"}
	// ErrFolder: the folder cannot be written: the disk is full, or not there.
	ErrFolder error = &codedError{"media.folder", "media folder cannot be written"}
	// ErrMissing: the file is not in the folder.
	ErrMissing error = &codedError{"media.missing", "file is not in the media folder"}
	// ErrSecret: what the database has is no key.
	ErrSecret error = &codedError{"media.secret", "unusable key of a file"}
)

// partSuffix is that of files that are not complete, here and in
// network/transfer.
const partSuffix = ".part"

// Folder is the folder of one database. Nothing else may be in it.
type Folder struct {
	path     string
	pictures sync.Mutex // held while a picture is decoded

	mu   sync.Mutex
	held map[string]bool // names that are being made
}

// New returns the Folder at path, which is made when the first file is kept.
func New(path string) *Folder { return &Folder{path: path, held: make(map[string]bool)} }

// Hold returns a new name that Sweep leaves alone until Release.
func (f *Folder) Hold() string {
	name := strings.ToLower(rand.Text())
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held[name] = true
	return name
}

// Release ends what Hold began: a row has the name now, or nobody ever will.
func (f *Folder) Release(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.held, name)
}

// Path returns where a file is, for a download, and makes the folder.
func (f *Folder) Path(name string) (string, error) {
	if err := os.MkdirAll(f.path, 0o700); err != nil {
		return "", fmt.Errorf("make media folder: %w: %w", ErrFolder, reason(err))
	}
	return filepath.Join(f.path, filepath.Base(name)), nil
}

// Kept describes a file that was encrypted into the folder.
type Kept struct {
	Secret []byte // IV and key
	Size   int64  // of the content
	Hash   []byte // SHA-256 of the content
}

// Keep encrypts all that src has, under a fresh key. When it returns, the file
// is on the disk.
//
// Errors: [ErrSource], [ErrFolder], media.ErrTooLarge, and the cause of ctx.
func (f *Folder) Keep(ctx context.Context, name string, src io.Reader) (Kept, error) {
	path, err := f.Path(name)
	if err != nil {
		return Kept{}, err
	}
	source := &source{ctx: ctx, src: src}
	hash := sha256.New()
	enc, err := media.NewEncrypter(io.TeeReader(source, hash))
	if err != nil {
		return Kept{}, fmt.Errorf("keep file: %w", err)
	}
	if err := write(path, enc); err != nil {
		switch {
		case ctx.Err() != nil:
			err = context.Cause(ctx)
		case source.err != nil:
			err = fmt.Errorf("%w: %w", ErrSource, source.err)
		case !errors.Is(err, media.ErrTooLarge):
			err = fmt.Errorf("%w: %w", ErrFolder, reason(err))
		}
		return Kept{}, fmt.Errorf("keep file: %w", err)
	}
	return Kept{Secret: Secret(enc.Key()), Size: source.size, Hash: hash.Sum(nil)}, nil
}

// source notes what was read of src and why it ended.
type source struct {
	ctx  context.Context
	src  io.Reader
	size int64
	err  error
}

func (s *source) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := s.src.Read(p)
	s.size += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = reason(err)
	}
	return n, err
}

// write makes a file that appears when it is on the disk.
func write(path string, src io.Reader) (err error) {
	file, err := os.OpenFile(path+partSuffix, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(path + partSuffix)
		}
	}()
	// A struct, so that neither side takes the copying over with large buffers.
	_, err = io.CopyBuffer(struct{ io.Writer }{file}, struct{ io.Reader }{src}, make([]byte, 64<<10))
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err = os.Rename(path+partSuffix, path); err != nil {
		return err
	}
	if folder, openErr := os.Open(filepath.Dir(path)); openErr == nil {
		_ = folder.Sync() // not possible everywhere
		_ = folder.Close()
	}
	return nil
}

// Remove removes a file and what there is of an unfinished one.
func (f *Folder) Remove(name string) error {
	path := filepath.Join(f.path, filepath.Base(name))
	var failed error
	for _, p := range []string{path, path + partSuffix} {
		if err := os.Remove(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = fmt.Errorf("remove file: %w: %w", ErrFolder, reason(err))
		}
	}
	return failed
}

// Sweep removes all files that are neither held nor among those that needed
// names, and returns how many.
func (f *Folder) Sweep(needed func(yield func(name string) error) error) (n int, err error) {
	entries, err := os.ReadDir(f.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("sweep media folder: %w: %w", ErrFolder, reason(err))
	}
	// First the files, then who holds them, then the rows: a file goes from one
	// to the next.
	f.mu.Lock()
	keep := maps.Clone(f.held)
	f.mu.Unlock()
	err = needed(func(name string) error {
		keep[name] = true
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("sweep media folder: %w", err)
	}
	for _, e := range entries {
		if name := strings.TrimSuffix(e.Name(), partSuffix); keep[name] || e.IsDir() {
			continue
		}
		if err := os.Remove(filepath.Join(f.path, e.Name())); err == nil {
			n++
		}
	}
	return n, nil
}

// reason is the error of a file without the file's name.
func reason(err error) error {
	var at *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &at):
		return at.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}

// Secret is what the database keeps of a key: IV and key.
func Secret(k media.Key) []byte {
	key, iv := k.Parts()
	return bytes.Join([][]byte{iv, key}, nil)
}

// Key reads a Secret.
//
// Errors: [ErrSecret].
func Key(secret []byte) (media.Key, error) {
	iv := map[int]int{44: 12, 48: 16, 28: 12, 32: 16}[len(secret)] // by the size of both
	k, err := media.NewKey(secret[iv:], secret[:iv])
	if err != nil {
		return media.Key{}, ErrSecret
	}
	return k, nil
}
