// SPDX-License-Identifier: MPL-2.0

package picture

import (
	"encoding/binary"
	"io"
)

// A jpegHeader is what the markers of a JPEG tell.
type jpegHeader struct {
	width, height, components int
	progressive               bool
	orientation               orientation
}

// perPixel is what image/jpeg takes: a byte a component, and four more to
// collect those of a progressive picture.
func (j jpegHeader) perPixel() int64 {
	n := int64(max(j.components, 1))
	if j.progressive {
		n *= 5
	}
	return n
}

// maxMarkers bounds the segments before the picture itself.
const maxMarkers = 1000

// readJPEG reads the segments up to the one with the size. It accepts less than
// image/jpeg, which skips some of what is no segment, and what it accepts it
// reads in the same way: or the size found here would not be the one decoded.
func readJPEG(r io.ReadSeeker) (jpegHeader, error) {
	j := jpegHeader{orientation: upright}
	var b [4]byte
	if _, err := io.ReadFull(r, b[:2]); err != nil {
		return j, err
	}
	for range maxMarkers {
		if _, err := io.ReadFull(r, b[:2]); err != nil {
			return j, err
		}
		for b[0] == 0xff && b[1] == 0xff { // fill bytes
			if _, err := io.ReadFull(r, b[1:2]); err != nil {
				return j, err
			}
		}
		if b[0] != 0xff {
			return j, ErrMalformed
		}
		marker := b[1]
		switch {
		case marker >= 0xd0 && marker <= 0xd7:
			continue // has no content
		case marker >= 0xc0 && marker <= 0xc2, marker == 0xc4, marker == 0xdb, marker == 0xdd, marker >= 0xe0 && marker <= 0xef, marker == 0xfe:
		default:
			return j, ErrMalformed
		}
		if _, err := io.ReadFull(r, b[:2]); err != nil {
			return j, err
		}
		size := int64(binary.BigEndian.Uint16(b[:])) - 2
		switch {
		case size < 0:
			return j, ErrMalformed
		case marker >= 0xc0 && marker <= 0xc2:
			frame := make([]byte, 6)
			if _, err := io.ReadFull(r, frame); err != nil {
				return j, err
			}
			j.progressive = marker == 0xc2
			j.height = int(binary.BigEndian.Uint16(frame[1:]))
			j.width = int(binary.BigEndian.Uint16(frame[3:]))
			j.components = int(frame[5])
			return j, nil
		case marker == 0xe1 && j.orientation == upright:
			segment := make([]byte, size)
			if _, err := io.ReadFull(r, segment); err != nil {
				return j, err
			}
			j.orientation = exifOrientation(segment)
		default:
			if _, err := r.Seek(size, io.SeekCurrent); err != nil {
				return j, err
			}
		}
	}
	return j, ErrMalformed
}

// maxChunks bounds the chunks of a WebP before the picture itself.
const maxChunks = 1000

// readWebP reads the size of the frame that is decoded. x/image/webp tells that
// of the canvas, which need not be the same.
func readWebP(r io.ReadSeeker) (width, height int, err error) {
	if _, err := r.Seek(12, io.SeekStart); err != nil {
		return 0, 0, err
	}
	canvasWidth, canvasHeight := 0, 0
	for range maxChunks {
		var b [18]byte // the chunk's head, and as much as tells the size
		if _, err := io.ReadFull(r, b[:8]); err != nil {
			return 0, 0, err
		}
		size := int64(binary.LittleEndian.Uint32(b[4:]))
		body := b[8:min(18, 8+size)]
		if _, err := io.ReadFull(r, body); err != nil {
			return 0, 0, err
		}
		switch kind := string(b[:4]); {
		case kind == "VP8X" && len(body) == 10 && canvasWidth == 0:
			canvasWidth = 1 + int(body[4]) + int(body[5])<<8 + int(body[6])<<16
			canvasHeight = 1 + int(body[7]) + int(body[8])<<8 + int(body[9])<<16
		case kind == "VP8 " && len(body) == 10 && body[3] == 0x9d && body[4] == 0x01 && body[5] == 0x2a:
			width = int(binary.LittleEndian.Uint16(body[6:]) & 0x3fff)
			height = int(binary.LittleEndian.Uint16(body[8:]) & 0x3fff)
		case kind == "VP8L" && len(body) >= 5 && body[0] == 0x2f:
			bits := binary.LittleEndian.Uint32(body[1:])
			width, height = 1+int(bits&0x3fff), 1+int(bits>>14&0x3fff)
		case kind == "VP8X", kind == "VP8 ", kind == "VP8L", kind == "ANMF":
			return 0, 0, ErrMalformed // or moving, which is not decoded
		}
		if width > 0 {
			if canvasWidth > 0 && (canvasWidth != width || canvasHeight != height) {
				return 0, 0, ErrMalformed
			}
			return width, height, nil
		}
		if _, err := r.Seek(size+size%2-int64(len(body)), io.SeekCurrent); err != nil {
			return 0, 0, err
		}
	}
	return 0, 0, ErrMalformed
}
