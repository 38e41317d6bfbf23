// SPDX-License-Identifier: MPL-2.0

package picture

import (
	"bufio"
	"errors"
	"io"
)

// maxFrames bounds the frames of a GIF that is sent.
const maxFrames = 2000

// The blocks of a GIF, GIF89a §12 and on.
const (
	gifExtension   = 0x21
	gifImage       = 0x2c
	gifTrailer     = 0x3b
	gifControl     = 0xf9
	gifApplication = 0xff
)

// gifLoops are the applications that say how often the frames are repeated. Any
// other is the business of the program that made the picture.
var gifLoops = map[string]bool{"NETSCAPE2.0": true, "ANIMEXTS1.0": true}

// A gifCopy copies a GIF block by block.
type gifCopy struct {
	r *bufio.Reader
	w io.Writer
	// keep is whether what is read is written.
	keep bool
}

// cleanGIF copies a GIF without its comments, text and data of applications,
// and without what follows its end.
func cleanGIF(w io.Writer, r io.ReadSeeker) error {
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return err
	}
	c := gifCopy{r: bufio.NewReader(r), w: w, keep: true}
	head, err := c.bytes(13)
	if err != nil {
		return err
	}
	if err := c.colours(head[10]); err != nil {
		return err
	}
	for frames := 0; frames <= maxFrames; {
		c.keep = true
		introducer, err := c.r.ReadByte()
		if err != nil {
			return malformed(err)
		}
		switch introducer {
		case gifTrailer:
			return c.write([]byte{gifTrailer})
		case gifExtension:
			err = c.extension()
		case gifImage:
			frames++
			err = c.image()
		default:
			return ErrMalformed
		}
		if err != nil {
			return err
		}
	}
	return ErrTooLarge
}

func (c *gifCopy) write(b []byte) error {
	if !c.keep {
		return nil
	}
	_, err := c.w.Write(b)
	return err
}

// bytes copies n bytes and returns them.
func (c *gifCopy) bytes(n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(c.r, b); err != nil {
		return nil, malformed(err)
	}
	return b, c.write(b)
}

// colours copies a colour table, if the flags say that there is one.
func (c *gifCopy) colours(flags byte) error {
	if flags&0x80 == 0 {
		return nil
	}
	_, err := c.bytes(3 << (flags&7 + 1))
	return err
}

// blocks copies data up to its end.
func (c *gifCopy) blocks() error {
	for {
		size, err := c.bytes(1)
		if err != nil {
			return err
		}
		if size[0] == 0 {
			return nil
		}
		if _, err := c.bytes(int(size[0])); err != nil {
			return err
		}
	}
}

func (c *gifCopy) extension() error {
	label, err := c.r.ReadByte()
	if err != nil {
		return malformed(err)
	}
	c.keep = label == gifControl
	if label == gifApplication {
		name, err := c.r.Peek(12)
		if err != nil {
			return malformed(err)
		}
		c.keep = name[0] == 11 && gifLoops[string(name[1:])]
	}
	if err := c.write([]byte{gifExtension, label}); err != nil {
		return err
	}
	return c.blocks()
}

func (c *gifCopy) image() error {
	if err := c.write([]byte{gifImage}); err != nil {
		return err
	}
	descriptor, err := c.bytes(9)
	if err != nil {
		return err
	}
	if err := c.colours(descriptor[8]); err != nil {
		return err
	}
	if _, err := c.bytes(1); err != nil { // the size of codes
		return err
	}
	return c.blocks()
}

// malformed is for an end where there must be none.
func malformed(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrMalformed
	}
	return err
}
