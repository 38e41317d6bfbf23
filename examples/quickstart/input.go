// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
)

// maxLine is the longest line of input, in bytes.
const maxLine = 1 << 20

// inputLine is a line without its end, or why there is none: errLineTooLong,
// after which more may come, or the error that ended the input.
type inputLine struct {
	text []byte
	err  error
}

// readLines reads lines in the background, so that whoever waits for one can
// do something else. The channel is closed at the end of the input. A read
// from a terminal cannot be interrupted: the goroutine ends with the first
// line after ctx has, or with the process.
func readLines(ctx context.Context, in io.Reader) <-chan inputLine {
	lines := make(chan inputLine)
	go func() {
		defer close(lines)
		r := bufio.NewReaderSize(in, 64<<10)
		for {
			text, err := readLine(r)
			if errors.Is(err, io.EOF) && len(text) == 0 {
				return
			}
			l := inputLine{text: text, err: err}
			if errors.Is(err, io.EOF) {
				l.err = nil
			}
			select {
			case lines <- l:
			case <-ctx.Done():
				return
			}
			if err != nil && !errors.Is(err, errLineTooLong) {
				return
			}
		}
	}()
	return lines
}

// readLine reads one line; of one that is too long it keeps nothing.
func readLine(r *bufio.Reader) (line []byte, err error) {
	tooLong := false
	for {
		part, err := r.ReadSlice('\n')
		if tooLong = tooLong || len(line)+len(part) > maxLine; tooLong {
			line = nil
		} else {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case tooLong && (err == nil || errors.Is(err, io.EOF)):
			return nil, errLineTooLong
		}
		return bytes.TrimRight(line, "\r\n"), err
	}
}
