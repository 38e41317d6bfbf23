// SPDX-License-Identifier: MPL-2.0

package picture

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/draw"
)

// Sizes in pixels and bytes.
const (
	DefaultBox      = 256  // of thumbnails
	DefaultSendBox  = 2560 // of pictures to be sent
	minBox          = 16   // a thumbnail is not made smaller to save bytes
	jpegQuality     = 85   // of pictures to be sent
	thumbQuality    = 70   // of thumbnails, at first
	minThumbQuality = 25   // of thumbnails, before they are made smaller
	sendMemory      = 8    // bytes a pixel that scaling and turning take
)

// A Thumbnail is a small picture.
type Thumbnail struct {
	Data          []byte // a JPEG
	Width, Height int
}

// MakeThumbnail makes a JPEG that fits into box by box pixels (0:
// [DefaultBox]; at least 16), and into limit bytes (0: no limit) if that can be had with at
// least 16 pixels. A picture is not made larger. What is transparent becomes
// white.
//
// Errors: as [Inspect]; [ErrTooLarge] also when the thumbnail exceeds limit.
func MakeThumbnail(r io.ReadSeeker, box, limit int, l Limits) (Thumbnail, error) {
	if box <= 0 {
		box = DefaultBox
	}
	m, _, err := small(r, box, l)
	if err != nil {
		return Thumbnail{}, fmt.Errorf("make thumbnail: %w", err)
	}
	m = onWhite(m)
	for quality := thumbQuality; ; quality -= 15 {
		if quality < minThumbQuality {
			if box /= 2; box < minBox {
				return Thumbnail{}, fmt.Errorf("make thumbnail: %w", ErrTooLarge)
			}
			m, quality = fit(m, box), thumbQuality
		}
		var b bytes.Buffer
		if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: quality}); err != nil {
			return Thumbnail{}, fmt.Errorf("make thumbnail: %w", err)
		}
		if limit <= 0 || b.Len() <= limit {
			return Thumbnail{Data: b.Bytes(), Width: m.Bounds().Dx(), Height: m.Bounds().Dy()}, nil
		}
	}
}

// Prepare writes a picture that may be sent: it fits into box by box pixels (0:
// [DefaultSendBox]), is the right way up, and says nothing about its maker. A
// GIF stays one and keeps its size; WebP becomes JPEG, or PNG if anything in it
// is transparent.
//
// Errors: as [Inspect], and those of w.
func Prepare(w io.Writer, r io.ReadSeeker, box int, l Limits) (Info, error) {
	info, err := prepare(w, r, box, l.withDefaults())
	if err != nil {
		return Info{}, fmt.Errorf("prepare picture: %w", err)
	}
	return info, nil
}

func prepare(w io.Writer, r io.ReadSeeker, box int, l Limits) (Info, error) {
	if box <= 0 {
		box = DefaultSendBox
	}
	info, err := inspect(r, l)
	if err != nil {
		return Info{}, err
	}
	if info.MediaType == GIF {
		return info, cleanGIF(w, r)
	}
	m, info, err := small(r, box, l)
	if err != nil {
		return Info{}, err
	}
	sent := Info{MediaType: JPEG, Width: m.Bounds().Dx(), Height: m.Bounds().Dy(), orientation: upright}
	if info.MediaType == PNG || !opaque(m) {
		sent.MediaType = PNG
		return sent, png.Encode(w, m)
	}
	return sent, jpeg.Encode(w, m, &jpeg.Options{Quality: jpegQuality})
}

// small decodes a picture, makes it fit into a box, and turns it.
func small(r io.ReadSeeker, box int, l Limits) (image.Image, Info, error) {
	l, box = l.withDefaults(), max(box, minBox)
	info, err := inspect(r, l)
	if err != nil {
		return nil, info, err
	}
	w, h := within(info.Width, info.Height, box)
	if info.memory+int64(w)*int64(h)*sendMemory > l.Memory {
		return nil, info, ErrTooLarge
	}
	m, err := decode(r, info)
	if err != nil {
		return nil, info, err
	}
	return info.orientation.turn(fit(m, box)), info, nil
}

// within returns the size of w by h pixels made to fit into a box.
func within(w, h, box int) (int, int) {
	switch {
	case w <= box && h <= box:
		return w, h
	case w >= h:
		return box, max(1, int(int64(h)*int64(box)/int64(w)))
	}
	return max(1, int(int64(w)*int64(box)/int64(h))), box
}

// fit makes a picture fit into a box.
func fit(m image.Image, box int) image.Image {
	b := m.Bounds()
	w, h := within(b.Dx(), b.Dy(), box)
	switch {
	case w == b.Dx() && h == b.Dy():
		return m
	case b.Dx() >= 2*w && b.Dy() >= 2*h:
		return average(m, w, h)
	}
	to := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.ApproxBiLinear.Scale(to, to.Bounds(), m, b, draw.Src, nil)
	return to
}

// average makes a picture at most half as large: each pixel is the average of
// those that it stands for. It takes memory for one row, where the kernels of
// package draw take 32 bytes for each pixel of a picture as wide as the new and
// as high as the old one.
func average(m image.Image, w, h int) *image.RGBA {
	b := m.Bounds()
	to := image.NewRGBA(image.Rect(0, 0, w, h))
	row := image.NewRGBA(image.Rect(0, 0, b.Dx(), 1))
	sums := make([][4]uint32, w)
	rows := uint32(0)
	for y := range b.Dy() {
		draw.Draw(row, row.Rect, m, image.Pt(b.Min.X, b.Min.Y+y), draw.Src)
		for i := range sums {
			var red, green, blue, alpha uint32
			for pix := row.Pix[4*column(i, w, b.Dx()) : 4*column(i+1, w, b.Dx())]; len(pix) >= 4; pix = pix[4:] {
				red += uint32(pix[0])
				green += uint32(pix[1])
				blue += uint32(pix[2])
				alpha += uint32(pix[3])
			}
			s := &sums[i]
			s[0], s[1], s[2], s[3] = s[0]+red, s[1]+green, s[2]+blue, s[3]+alpha
		}
		rows++
		line := y * h / b.Dy()
		if (y+1)*h/b.Dy() == line {
			continue
		}
		for i, s := range sums {
			n := rows * uint32(column(i+1, w, b.Dx())-column(i, w, b.Dx()))
			for c := range s {
				to.Pix[to.PixOffset(i, line)+c] = uint8((s[c] + n/2) / n)
			}
		}
		clear(sums)
		rows = 0
	}
	return to
}

// column returns which of from columns is the first of the i-th of w.
func column(i, w, from int) int { return i * from / w }

// opaque reports whether nothing of m is transparent.
func opaque(m image.Image) bool {
	o, ok := m.(interface{ Opaque() bool })
	return !ok || o.Opaque()
}

func onWhite(m image.Image) image.Image {
	if opaque(m) {
		return m
	}
	to := image.NewRGBA(image.Rect(0, 0, m.Bounds().Dx(), m.Bounds().Dy()))
	draw.Draw(to, to.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.Draw(to, to.Bounds(), m, m.Bounds().Min, draw.Over)
	return to
}
