// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFlippedBit(t *testing.T) {
	t.Run("", func(t *testing.T) { testFlippedBit(t, false) })
	t.Run("header", func(t *testing.T) { testFlippedBit(t, true) })
}

func testFlippedBit(t *testing.T, header bool) {
	o := testOptions(filepath.Join(t.TempDir(), "a.db"))
	o.PlaintextHeader = header
	path := o.Path
	db, err := Open(ctx, o)
	require.NoError(t, err)
	fill(t, db, 100)
	require.NoError(t, db.Close())
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	pages := len(good) / 4096
	require.Greater(t, pages, 20)
	for page := range pages {
		bad := bytes.Clone(good)
		bad[page*4096+(100+page*97)%4096] ^= 1 << (page % 8)
		require.NoError(t, os.WriteFile(path, bad, 0o600))
		db, err := Open(ctx, testOptions(path))
		if page == 0 {
			require.ErrorIs(t, err, ErrKey)
			continue
		}
		if err != nil { // a page of the schema
			require.ErrorIs(t, err, ErrCorrupt, "page %d", page)
			continue
		}
		require.ErrorIs(t, db.Check(ctx), ErrCorrupt, "page %d", page)
		require.NoError(t, db.Close())
	}
}

// Damage that a read meets is told as such, whatever page it is on.
func TestFlippedBitInRead(t *testing.T) {
	for _, header := range []bool{false, true} {
		o := testOptions(filepath.Join(t.TempDir(), "a.db"))
		o.PlaintextHeader = header
		db, err := Open(ctx, o)
		require.NoError(t, err)
		fill(t, db, 300)
		require.NoError(t, db.Close())
		good, err := os.ReadFile(o.Path)
		require.NoError(t, err)
		met := 0
		for page := 1; page < len(good)/4096; page++ {
			bad := bytes.Clone(good)
			bad[page*4096+100] ^= 1
			require.NoError(t, os.WriteFile(o.Path, bad, 0o600))
			db, err := Open(ctx, o)
			if err != nil { // a page of the schema
				require.ErrorIs(t, err, ErrCorrupt)
				continue
			}
			err = db.View(ctx, func(r *Reader) error {
				_, err := r.MessagesBefore(1, 0, 500)
				return err
			})
			if err != nil {
				require.ErrorIs(t, err, ErrCorrupt)
				met++
			}
			require.NoError(t, db.Close())
		}
		require.Greater(t, met, 3)
	}
}

func TestTruncatedFile(t *testing.T) {
	path := closedDB(t)
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, n := range []int{1, 100, 4095, 4096, 4097, 8192, len(good) / 2, len(good) - 4096, len(good) - 1} {
		require.NoError(t, os.WriteFile(path, good[:n], 0o600))
		db, err := Open(ctx, testOptions(path))
		if err == nil {
			err = db.Check(ctx)
			require.NoError(t, db.Close())
		}
		require.Error(t, err, "%d bytes", n)
		require.NotErrorIs(t, err, ErrNewerSchema)
		st, err := os.Stat(path)
		require.NoError(t, err)
		require.EqualValues(t, n, st.Size(), "the file was changed")
	}
}
