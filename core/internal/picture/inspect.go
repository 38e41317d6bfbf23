// SPDX-License-Identifier: MPL-2.0

package picture

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/webp"
)

type codedError struct{ code, msg string }

func (e *codedError) Error() string { return e.msg }

// Code returns the stable name of the error.
func (e *codedError) Code() string { return e.code }

// Errors of this package, besides those of the reader or writer.
var (
	// ErrFormat: the content is no picture that can be read.
	ErrFormat error = &codedError{"picture.format", "unknown picture format"}
	// ErrMalformed: the picture is damaged.
	ErrMalformed error = &codedError{"picture.malformed", "malformed picture"}
	// ErrTooLarge: decoding the picture would exceed the limits.
	ErrTooLarge error = &codedError{"picture.too-large", "picture too large"}
)

// Limits bound what is decoded. A zero field means its default.
type Limits struct {
	Pixels int64 // 40 million
	Memory int64 // bytes that decoding may take: 192 MiB
}

// maxPixels keeps sums of bytes over a whole picture in 32 bits, for results of
// minBox pixels and more.
const maxPixels = 1 << 28

func (l Limits) withDefaults() Limits {
	if l.Pixels <= 0 {
		l.Pixels = 40_000_000
	}
	l.Pixels = min(l.Pixels, maxPixels)
	if l.Memory <= 0 {
		l.Memory = 192 << 20
	}
	return l
}

// The media types that are read.
const (
	JPEG = "image/jpeg"
	PNG  = "image/png"
	GIF  = "image/gif"
	WebP = "image/webp"
)

// Info describes a picture.
type Info struct {
	MediaType     string
	Width, Height int // pixels, as it is to be shown
	// Turned is set when the picture has to be turned to be shown.
	Turned bool

	orientation orientation
	memory      int64 // that decoding takes, at most
}

// headSize is how much tells the format.
const headSize = 32

// Inspect reads what a picture is from the beginning of r, without decoding it.
//
// Errors: [ErrFormat], [ErrMalformed], [ErrTooLarge], and those of r.
func Inspect(r io.ReadSeeker, l Limits) (Info, error) {
	info, err := inspect(r, l.withDefaults())
	if err != nil {
		return Info{}, fmt.Errorf("inspect picture: %w", err)
	}
	return info, nil
}

func inspect(r io.ReadSeeker, l Limits) (Info, error) {
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return Info{}, err
	}
	head := make([]byte, headSize)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return Info{}, err
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return Info{}, err
	}
	info := Info{MediaType: format(head[:n]), orientation: upright}
	perPixel := int64(8)
	var size image.Config
	switch info.MediaType {
	case JPEG:
		var j jpegHeader
		if j, err = readJPEG(r); err == nil {
			size.Width, size.Height, info.orientation, perPixel = j.width, j.height, j.orientation, j.perPixel()
		}
	case PNG:
		if n < headSize {
			return Info{}, ErrMalformed
		}
		perPixel = pngPerPixel(head)
		size, err = png.DecodeConfig(r)
	case GIF:
		perPixel = 1
		size, err = gif.DecodeConfig(r)
	case WebP:
		size.Width, size.Height, err = readWebP(r)
	default:
		return Info{}, ErrFormat
	}
	if err != nil || size.Width <= 0 || size.Height <= 0 {
		return Info{}, ErrMalformed
	}
	pixels := int64(size.Width) * int64(size.Height) // neither exceeds 31 bits
	if pixels > l.Pixels || pixels > l.Memory/perPixel {
		return Info{}, ErrTooLarge
	}
	info.memory = pixels * perPixel
	info.Width, info.Height = info.orientation.size(size.Width, size.Height)
	info.Turned = info.orientation != upright
	return info, nil
}

func format(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte("\xff\xd8\xff")):
		return JPEG
	case bytes.HasPrefix(head, []byte("\x89PNG\r\n\x1a\n")):
		return PNG
	case bytes.HasPrefix(head, []byte("GIF87a")), bytes.HasPrefix(head, []byte("GIF89a")):
		return GIF
	case len(head) >= 12 && string(head[:4]) == "RIFF" && string(head[8:12]) == "WEBP":
		return WebP
	}
	return ""
}

// pngPerPixel reads bit depth, colour type and interlacing out of the first
// chunk: what image/png takes for a pixel.
func pngPerPixel(head []byte) int64 {
	depth, colour, interlaced := head[24], head[25], head[28] != 0
	n := int64(4)
	switch {
	case depth == 16:
		n = 8
	case colour == 0 || colour == 3: // grey, or of a palette
		n = 1
	}
	if colour == 0 {
		n *= 4 // with a transparent colour it becomes NRGBA
	}
	if interlaced {
		n *= 2
	}
	return n
}

// decode decodes a picture that inspect has passed.
func decode(r io.ReadSeeker, info Info) (image.Image, error) {
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	decoders := map[string]func(io.Reader) (image.Image, error){
		JPEG: jpeg.Decode, PNG: png.Decode, GIF: gif.Decode, WebP: webp.Decode,
	}
	m, err := safely(func() (image.Image, error) { return decoders[info.MediaType](r) })
	if err != nil || m.Bounds().Empty() {
		return nil, ErrMalformed
	}
	// What was inspected is what was decoded, or the limits were for nothing.
	if w, h := info.orientation.size(m.Bounds().Dx(), m.Bounds().Dy()); info.MediaType != GIF && (w != info.Width || h != info.Height) {
		return nil, ErrMalformed
	}
	return m, nil
}

// safely turns a panic in a decoder that is not ours into an error.
func safely[T any](f func() (T, error)) (v T, err error) {
	defer func() {
		if recover() != nil {
			err = ErrMalformed
		}
	}()
	return f()
}
