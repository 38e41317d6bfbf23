// SPDX-License-Identifier: MPL-2.0

package scan_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"testing"

	"github.com/confab-im/confab/core/qr"
	"github.com/confab-im/confab/core/qr/scan"
	"github.com/stretchr/testify/require"
)

const text = "xmpp:alice@example.org?omemo-sid-1=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func picture(t testing.TB) *image.Gray {
	t.Helper()
	made, err := qr.Image(text, 400)
	require.NoError(t, err)
	return redraw(made.Bounds(), func(x, y int) uint8 { return color.GrayModel.Convert(made.At(x, y)).(color.Gray).Y })
}

func redraw(bounds image.Rectangle, at func(x, y int) uint8) *image.Gray {
	drawn := image.NewGray(bounds)
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			drawn.SetGray(x, y, color.Gray{Y: at(x, y)})
		}
	}
	return drawn
}

func TestRead(t *testing.T) {
	plain := picture(t)
	random := rand.New(rand.NewPCG(1, 2))
	wide := image.Rect(0, 0, 900, 700)
	for name, changed := range map[string]image.Image{
		"as made":  plain,
		"turned":   redraw(plain.Bounds(), func(x, y int) uint8 { return plain.GrayAt(y, 399-x).Y }),
		"negative": redraw(plain.Bounds(), func(x, y int) uint8 { return 255 - plain.GrayAt(x, y).Y }),
		"noisy": redraw(plain.Bounds(), func(x, y int) uint8 {
			return uint8(min(255, max(0, int(plain.GrayAt(x, y).Y)/2+50+random.IntN(40))))
		}),
		"a corner of it damaged": redraw(plain.Bounds(), func(x, y int) uint8 {
			if x > 190 && x < 230 && y > 190 && y < 230 {
				return 128
			}
			return plain.GrayAt(x, y).Y
		}),
		"somewhere in a photograph": redraw(wide, func(x, y int) uint8 {
			if p := image.Pt(x-300, y-200); p.In(plain.Bounds()) {
				return plain.GrayAt(p.X, p.Y).Y
			}
			return uint8(180 + random.IntN(40))
		}),
		"bounds elsewhere": &image.Gray{Pix: plain.Pix, Stride: plain.Stride, Rect: plain.Rect.Add(image.Pt(-70, 90))},
	} {
		got, err := scan.Read(changed)
		require.NoError(t, err, name)
		require.Equal(t, text, got, name)
	}
}

func TestReadRefuses(t *testing.T) {
	for name, p := range map[string]image.Image{
		"blank": image.NewGray(image.Rect(0, 0, 300, 300)),
		"pixel": image.NewGray(image.Rect(0, 0, 1, 1)),
		"line":  image.NewGray(image.Rect(0, 0, 1000, 1)),
		"half":  picture(t).SubImage(image.Rect(0, 0, 400, 200)),
	} {
		_, err := scan.Read(p)
		require.ErrorIs(t, err, scan.ErrNoCode, name)
	}
	for _, bounds := range []image.Rectangle{{}, image.Rect(0, 0, 1<<30, 1<<30), image.Rect(0, 0, 1, scan.MaxPixels+1)} {
		_, err := scan.Read(&image.Uniform{C: color.White})
		require.ErrorIs(t, err, scan.ErrTooLarge, "endless")
		_, err = scan.Read(&image.Gray{Rect: bounds})
		require.ErrorIs(t, err, scan.ErrTooLarge)
	}
	for _, err := range []error{scan.ErrNoCode, scan.ErrPicture, scan.ErrTooLarge} {
		require.Contains(t, err.(interface{ Code() string }).Code(), "qr.")
	}
}

// A picture full of corners of codes would keep the reader busy for hours.
func TestManyCorners(t *testing.T) {
	full := redraw(image.Rect(0, 0, 1800, 1800), func(x, y int) uint8 {
		x, y = x%9, y%9
		if x < 7 && y < 7 && (x%6 == 0 || y%6 == 0 || x >= 2 && x <= 4 && y >= 2 && y <= 4) {
			return 0
		}
		return 255
	})
	_, err := scan.Read(full)
	require.ErrorIs(t, err, scan.ErrNoCode)
}

func TestPicture(t *testing.T) {
	var asPNG, asJPEG bytes.Buffer
	require.NoError(t, png.Encode(&asPNG, picture(t)))
	require.NoError(t, jpeg.Encode(&asJPEG, picture(t), &jpeg.Options{Quality: 40}))
	for _, file := range [][]byte{asPNG.Bytes(), asJPEG.Bytes()} {
		got, err := scan.Picture(bytes.NewReader(file))
		require.NoError(t, err)
		require.Equal(t, text, got)
	}
	for _, file := range [][]byte{nil, []byte("GIF89a"), asPNG.Bytes()[:40], asJPEG.Bytes()[:400]} {
		_, err := scan.Picture(bytes.NewReader(file))
		require.ErrorIs(t, err, scan.ErrPicture)
	}

	// A file of a few bytes that says it is huge is not unpacked.
	bomb := bytes.Clone(asPNG.Bytes())
	binary.BigEndian.PutUint32(bomb[16:], 60_000)
	binary.BigEndian.PutUint32(bomb[20:], 60_000)
	binary.BigEndian.PutUint32(bomb[29:], crc32.ChecksumIEEE(bomb[12:29]))
	_, err := scan.Picture(bytes.NewReader(bomb))
	require.ErrorIs(t, err, scan.ErrTooLarge)
}

// FuzzRead turns bytes into modules, so that the reader sees codes that are
// nearly right.
func FuzzRead(f *testing.F) {
	made, err := qr.Image(text, 53)
	require.NoError(f, err)
	seed := make([]byte, 0, 53*53)
	for i := range 53 * 53 {
		r, _, _, _ := made.At(i%53, i/53).RGBA()
		seed = append(seed, byte(r))
	}
	f.Add(seed, uint8(53))
	f.Add([]byte{}, uint8(1))
	f.Fuzz(func(t *testing.T, pixels []byte, width uint8) {
		if width == 0 || len(pixels) < int(width) {
			return
		}
		height := len(pixels) / int(width)
		text, err := scan.Read(&image.Gray{
			Pix: pixels, Stride: int(width), Rect: image.Rect(0, 0, int(width), height),
		})
		require.Equal(t, err == nil, text != "")
	})
}

// The search for the corners of a code fails in this picture.
func TestCleanPicture(t *testing.T) {
	const text = "xmpp:alice-bf4f4e1a79@confab.test?omemo-sid-1602244430=" +
		"79d7c3c572e760d7d89e553b1d138553aee1bf8bb3ff69765cae4c07c199f308"
	picture, err := qr.PNG(text, 400)
	require.NoError(t, err)
	got, err := scan.Picture(bytes.NewReader(picture))
	require.NoError(t, err)
	require.Equal(t, text, got)
}
