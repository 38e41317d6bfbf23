// SPDX-License-Identifier: MPL-2.0

package picture

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/draw"
)

// An orientation is how a picture was taken, Exif 2.32 §4.6.4, tag 274.
type orientation uint8

const (
	upright    orientation = 1
	transposed orientation = 5 // from here on, rows are columns
)

// size returns the size as shown of a picture of w by h pixels.
func (o orientation) size(w, h int) (int, int) {
	if o >= transposed {
		return h, w
	}
	return w, h
}

// source returns where the pixel shown at x, y is in a picture of w by h.
func (o orientation) source(x, y, w, h int) (int, int) {
	switch o {
	case 2:
		return w - 1 - x, y
	case 3:
		return w - 1 - x, h - 1 - y
	case 4:
		return x, h - 1 - y
	case 5:
		return y, x
	case 6:
		return y, h - 1 - x
	case 7:
		return w - 1 - y, h - 1 - x
	case 8:
		return w - 1 - y, x
	}
	return x, y
}

// turn returns m as it is to be shown.
func (o orientation) turn(m image.Image) image.Image {
	if o == upright {
		return m
	}
	b := m.Bounds()
	from, ok := m.(*image.RGBA)
	if !ok {
		from = image.NewRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
		draw.Draw(from, from.Bounds(), m, b.Min, draw.Src)
	}
	w, h := o.size(b.Dx(), b.Dy())
	to := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			sx, sy := o.source(x, y, b.Dx(), b.Dy())
			i := from.PixOffset(from.Rect.Min.X+sx, from.Rect.Min.Y+sy)
			copy(to.Pix[to.PixOffset(x, y):][:4], from.Pix[i:i+4])
		}
	}
	return to
}

const (
	tagOrientation = 0x0112
	typeShort      = 3
	entrySize      = 12
)

// exifOrientation reads the orientation out of an APP1 segment; upright when
// there is none.
func exifOrientation(segment []byte) orientation {
	tiff, ok := bytes.CutPrefix(segment, []byte("Exif\x00\x00"))
	if !ok || len(tiff) < 8 {
		return upright
	}
	var order binary.ByteOrder
	switch string(tiff[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return upright
	}
	at := int64(order.Uint32(tiff[4:]))
	if at+2 > int64(len(tiff)) {
		return upright
	}
	entries := tiff[at+2:]
	for range order.Uint16(tiff[at:]) {
		if len(entries) < entrySize {
			break
		}
		if order.Uint16(entries) == tagOrientation && order.Uint16(entries[2:]) == typeShort && order.Uint32(entries[4:]) == 1 {
			if value := order.Uint16(entries[8:]); value >= 1 && value <= 8 {
				return orientation(value)
			}
			break
		}
		entries = entries[entrySize:]
	}
	return upright
}
