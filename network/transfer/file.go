// SPDX-License-Identifier: MPL-2.0

package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// partSuffix is added to the name of a file that is not complete.
const partSuffix = ".part"

// GetFile fetches a file to a path, which appears, readable for its owner only,
// when the file is complete and on the disk. What is there of an interrupted
// download, in a file with the suffix .part, stays for the next try with
// [Client.ResumeFile].
//
// Errors: as [Client.Get].
func (c *Client) GetFile(ctx context.Context, path string, d Download) (Result, error) {
	return c.getFile(ctx, path, d, false)
}

// ResumeFile is [Client.GetFile], going on where an earlier download of this
// file to this path was interrupted, if one was. Nothing tells whether the
// server's file is still the same: check the result, by its hash or by
// decrypting it, and remove it when it is wrong.
func (c *Client) ResumeFile(ctx context.Context, path string, d Download) (Result, error) {
	return c.getFile(ctx, path, d, true)
}

func (c *Client) getFile(ctx context.Context, path string, d Download, resume bool) (Result, error) {
	flags := os.O_RDWR | os.O_CREATE
	if !resume {
		flags |= os.O_TRUNC
	}
	file, err := os.OpenFile(path+partSuffix, flags, 0o600)
	if err != nil {
		return Result{}, fmt.Errorf("get file: %w: %w", ErrTarget, reason(err))
	}
	result, err := c.fill(ctx, file, d)
	err = errors.Join(err, targetError(file.Close()))
	if err == nil {
		err = publish(path)
	}
	if err != nil {
		if !Temporary(err) && context.Cause(ctx) == nil && !errors.Is(err, ErrClosed) {
			_ = os.Remove(path + partSuffix) // going on would end the same way
		}
		return Result{}, fmt.Errorf("get file: %w", err)
	}
	return result, nil
}

// fill completes an open file.
func (c *Client) fill(ctx context.Context, file *os.File, d Download) (Result, error) {
	there, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return Result{}, targetError(err)
	}
	if there > d.Limit || d.Size > 0 && there > d.Size {
		there = 0
	}
	result, err := c.get(ctx, d, target{offset: there, begin: func(offset int64) (io.Writer, error) {
		if err := file.Truncate(offset); err != nil {
			return nil, targetError(err)
		}
		if _, err := file.Seek(offset, io.SeekStart); err != nil {
			return nil, targetError(err)
		}
		return file, nil
	}})
	if err != nil {
		return Result{}, err
	}
	head := make([]byte, sniffSize)
	n, err := file.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return Result{}, targetError(err)
	}
	result.Sniffed = Sniff(head[:n])
	return result, targetError(file.Sync())
}

// publish gives a complete file its name.
func publish(path string) error {
	if err := os.Rename(path+partSuffix, path); err != nil {
		return targetError(err)
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil // the name is not yet on the disk, which costs a download at worst
	}
	_ = folder.Sync()
	_ = folder.Close()
	return nil
}

func targetError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrTarget, reason(err))
}
