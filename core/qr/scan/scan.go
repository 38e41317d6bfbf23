// SPDX-License-Identifier: MPL-2.0

package scan

import (
	"fmt"
	"image"
	_ "image/jpeg" // formats that Picture reads
	_ "image/png"
	"io"
	"unicode/utf8"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
)

// MaxPixels is the largest picture that is looked at: more than cameras of
// phones take, and few enough for memory, 4 bytes each.
const MaxPixels = 50_000_000

type codedError struct{ code, text string }

func (e *codedError) Error() string { return e.text }

// Code returns the stable code.
func (e *codedError) Code() string { return e.code }

// Errors of this package, with stable codes.
var (
	// ErrNoCode: no QR code was found, or one that cannot be read.
	ErrNoCode error = &codedError{"qr.no-code", "qr: no readable code in the picture"}
	// ErrPicture: not a PNG or JPEG file.
	ErrPicture error = &codedError{"qr.picture", "qr: not a picture"}
	// ErrTooLarge: a picture of no pixels, or of more than MaxPixels.
	ErrTooLarge error = &codedError{"qr.too-large", "qr: picture too large"}
)

// Picture reads the code in a PNG or JPEG file. Of a file that says it is too
// large no more than its beginning is read.
//
// Errors: ErrPicture, ErrTooLarge, ErrNoCode.
func Picture(file io.ReadSeeker) (string, error) {
	head, _, err := image.DecodeConfig(file)
	if err != nil {
		return "", fmt.Errorf("read picture: %w", ErrPicture)
	}
	if !fits(head.Width, head.Height) {
		return "", fmt.Errorf("read picture: %w", ErrTooLarge)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return "", fmt.Errorf("read picture: %w", err)
	}
	picture, _, err := image.Decode(file)
	if err != nil {
		return "", fmt.Errorf("read picture: %w", ErrPicture)
	}
	return Read(picture)
}

func fits(width, height int) bool {
	return width > 0 && height > 0 && width <= MaxPixels/height
}

// Read reads the code in a picture. The text is valid UTF-8.
//
// Errors: ErrTooLarge, ErrNoCode.
func Read(picture image.Image) (string, error) {
	size := picture.Bounds().Size()
	if !fits(size.X, size.Y) {
		return "", fmt.Errorf("read code: %w", ErrTooLarge)
	}
	source := gozxing.NewLuminanceSourceFromImage(picture)
	for _, source := range []gozxing.LuminanceSource{source, source.Invert()} {
		for _, binarizer := range []gozxing.Binarizer{
			gozxing.NewHybridBinarizer(source), gozxing.NewGlobalHistgramBinarizer(source),
		} {
			// The search for corners passes over one clean picture in a hundred.
			for _, clean := range []bool{false, true} {
				if text := attempt(binarizer, clean); text != "" {
					return text, nil
				}
			}
		}
	}
	return "", fmt.Errorf("read code: %w", ErrNoCode)
}

// maxCentres is how many places of a picture may look like the corner of a
// code. The reader tries every three of them: of a picture full of corners it
// would make minutes of work.
const maxCentres = 128

// attempt returns the text of the code, empty if there is none. A clean picture
// has nothing in it but the code, upright.
func attempt(binarizer gozxing.Binarizer, clean bool) (text string) {
	// Pictures are anybody's, and the reader's code was not written for that.
	// Its only way out of a search is the same.
	defer func() {
		if recover() != nil {
			text = ""
		}
	}()
	centres := 0
	hints := map[gozxing.DecodeHintType]any{
		gozxing.DecodeHintType_TRY_HARDER: true, gozxing.DecodeHintType_CHARACTER_SET: "UTF-8",
		gozxing.DecodeHintType_NEED_RESULT_POINT_CALLBACK: gozxing.ResultPointCallback(func(gozxing.ResultPoint) {
			if centres++; centres > maxCentres {
				panic(ErrNoCode)
			}
		}),
	}
	if clean {
		hints[gozxing.DecodeHintType_PURE_BARCODE] = true
	}
	bitmap, err := gozxing.NewBinaryBitmap(binarizer)
	if err != nil {
		return ""
	}
	result, err := qrcode.NewQRCodeReader().Decode(bitmap, hints)
	if err != nil || !utf8.ValidString(result.GetText()) {
		return ""
	}
	return result.GetText()
}
