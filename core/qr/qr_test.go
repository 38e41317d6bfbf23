// SPDX-License-Identifier: MPL-2.0

package qr_test

import (
	"bytes"
	"image/png"
	"strings"
	"testing"

	"github.com/confab-im/confab/core/qr"
	"github.com/confab-im/confab/core/qr/scan"
	"github.com/stretchr/testify/require"
)

// uri is as long as one that names a few devices.
var uri = "xmpp:alice@example.org?" + strings.Repeat("omemo-sid-2147483647="+strings.Repeat("0123456789abcdef", 4)+";", 4)

// What is made here is read by code of other authors.
func TestRoundTrip(t *testing.T) {
	for _, text := range []string{
		"x", "1234567890", "UPPER CASE 12", "grüße, 你好, 🙂", uri, strings.Repeat("y", 600),
	} {
		for _, size := range []int{200, 512, 1001} {
			file, err := qr.PNG(text, size)
			require.NoError(t, err)
			picture, err := png.Decode(bytes.NewReader(file))
			require.NoError(t, err)
			require.Equal(t, size, picture.Bounds().Dx())
			require.Equal(t, size, picture.Bounds().Dy())
			got, err := scan.Read(picture)
			require.NoError(t, err, "%d bytes in %d pixels", len(text), size)
			require.Equal(t, text, got)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, size := range []int{-1, 0, 20, qr.MaxSize + 1, 1 << 30} {
		_, err := qr.PNG("x", size)
		require.ErrorIs(t, err, qr.ErrSize, "%d", size)
	}
	for _, text := range []string{"", strings.Repeat("x", qr.MaxText+1)} {
		_, err := qr.PNG(text, 512)
		require.ErrorIs(t, err, qr.ErrTooLong)
		_, err = qr.Text(text)
		require.ErrorIs(t, err, qr.ErrTooLong)
	}
	_, err := qr.PNG(strings.Repeat("x", qr.MaxText), 512)
	require.NoError(t, err)
	_, err = qr.PNG(strings.Repeat("x", qr.MaxText), 100)
	require.ErrorIs(t, err, qr.ErrSize)
	for _, err := range []error{qr.ErrSize, qr.ErrTooLong} {
		require.Contains(t, err.(interface{ Code() string }).Code(), "qr.")
	}
}

// The blocks of a terminal show the same modules as the picture.
func TestText(t *testing.T) {
	text, err := qr.Text(uri)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	side := len([]rune(lines[0]))
	require.Len(t, lines, (side+1)/2)
	picture, err := qr.Image(uri, side)
	require.NoError(t, err)
	for y := range side {
		for x := range side {
			block := []rune(lines[y/2])[x]
			light := block == '█' || block == '▀' && y%2 == 0 || block == '▄' && y%2 == 1
			r, _, _, _ := picture.At(x, y).RGBA()
			require.Equal(t, r != 0, light, "%d %d", x, y)
		}
	}
}
