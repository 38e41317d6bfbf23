// SPDX-License-Identifier: MPL-2.0

package qr

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"strings"

	"rsc.io/qr"
)

// Bounds of what is made.
const (
	// MaxText is the longest text, in bytes: as much as fits the largest code
	// at the level of redundancy that is used (ISO/IEC 18004 table 7, version
	// 40, level M).
	MaxText = 2331
	// MaxSize is the largest picture, in pixels on a side.
	MaxSize = 4096

	quiet = 4 // white modules on every side (ISO/IEC 18004 section 6.3.8)
)

type codedError struct{ code, text string }

func (e *codedError) Error() string { return e.text }

// Code returns the stable code.
func (e *codedError) Code() string { return e.code }

// Errors of this package, with stable codes.
var (
	// ErrTooLong: an empty text, or one longer than MaxText.
	ErrTooLong error = &codedError{"qr.too-long", "qr: text is empty or too long for a code"}
	// ErrSize: a picture too small for one pixel a module, or larger than MaxSize.
	ErrSize error = &codedError{"qr.size", "qr: picture too small for the code, or too large"}
)

func encode(text string) (*qr.Code, error) {
	if text == "" || len(text) > MaxText {
		return nil, ErrTooLong
	}
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return nil, ErrTooLong
	}
	return code, nil
}

// Image returns the code as a picture of size pixels on a side, quiet zone
// included, with two colours. Every module has the same whole number of pixels;
// what remains widens the quiet zone.
func Image(text string, size int) (image.Image, error) {
	code, err := encode(text)
	if err != nil {
		return nil, fmt.Errorf("make code: %w", err)
	}
	scale := 0
	if size <= MaxSize {
		scale = size / (code.Size + 2*quiet)
	}
	if scale < 1 {
		return nil, fmt.Errorf("make code: %w", ErrSize)
	}
	picture := image.NewPaletted(image.Rect(0, 0, size, size), color.Palette{color.White, color.Black})
	margin := (size - scale*code.Size) / 2
	for y := range scale * code.Size {
		for x := range scale * code.Size {
			if code.Black(x/scale, y/scale) {
				picture.SetColorIndex(margin+x, margin+y, 1)
			}
		}
	}
	return picture, nil
}

// PNG returns the code as a PNG file of size pixels on a side. 512 is good for
// a screen.
func PNG(text string, size int) ([]byte, error) {
	picture, err := Image(text, size)
	if err != nil {
		return nil, err
	}
	var file bytes.Buffer
	if err := png.Encode(&file, picture); err != nil {
		return nil, fmt.Errorf("write code: %w", err)
	}
	return file.Bytes(), nil
}

// Text returns the code in half blocks, two modules high, for a terminal with
// light characters on a dark ground. Lines end with a line feed.
func Text(text string) (string, error) {
	code, err := encode(text)
	if err != nil {
		return "", fmt.Errorf("make code: %w", err)
	}
	light := func(x, y int) bool { return !code.Black(x, y) } // outside is light
	var b strings.Builder
	for y := -quiet; y < code.Size+quiet; y += 2 {
		for x := -quiet; x < code.Size+quiet; x++ {
			switch {
			case light(x, y) && light(x, y+1):
				b.WriteRune('█')
			case light(x, y):
				b.WriteRune('▀')
			case light(x, y+1):
				b.WriteRune('▄')
			default:
				b.WriteByte(' ')
			}
		}
		b.WriteByte('\n')
	}
	return b.String(), nil
}
