// SPDX-License-Identifier: MPL-2.0

//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows)

package storage

import (
	"errors"
	"fmt"
	"os"
)

// lockFile refuses: without a lock two processes could damage the file.
func lockFile(string) (*os.File, error) {
	return nil, fmt.Errorf("lock database: %w", errors.ErrUnsupported)
}
