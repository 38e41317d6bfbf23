// SPDX-License-Identifier: MPL-2.0

package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// A Download is a file to be fetched.
type Download struct {
	URL   string // https:; a fragment stays here
	Limit int64  // bytes: the most that is taken, required
	// Size is what the file must have, in bytes; 0 when that is not known.
	Size int64
	// Progress is told how many bytes there are and how many there will be, -1
	// when the server does not tell, now and then and at the end. It runs on the
	// goroutine of the caller.
	Progress func(got, total int64)
}

// A Result describes a file that was fetched.
type Result struct {
	Size int64
	// MediaType is what the server says, and Sniffed what the content looks
	// like: see [Sniff]. Trust neither for more than a choice of a viewer.
	MediaType, Sniffed string
}

// maxRedirects is how many times a download may be sent elsewhere.
const maxRedirects = 3

// Get writes a file to out as it comes. What has been written before an error
// is incomplete.
//
// Errors: [ErrURL], [ErrConfig], [*TooLargeError], [ErrSize], [ErrGone],
// [ErrRedirect], [ErrAnswer], [ErrTarget], [ErrTimeout], [ErrConnection],
// [ErrCertificate], [ErrQuota], [*StatusError], and the cause of ctx.
func (c *Client) Get(ctx context.Context, d Download, out io.Writer) (Result, error) {
	head := &head{}
	result, err := c.get(ctx, d, target{begin: func(int64) (io.Writer, error) { return io.MultiWriter(head, out), nil }})
	if err != nil {
		return Result{}, fmt.Errorf("get file: %w", err)
	}
	result.Sniffed = Sniff(head.bytes)
	return result, nil
}

// head keeps the beginning of what is written to it.
type head struct{ bytes []byte }

func (h *head) Write(p []byte) (int, error) {
	h.bytes = append(h.bytes, p[:min(len(p), sniffSize-len(h.bytes))]...)
	return len(p), nil
}

// A target is where a download goes.
type target struct {
	offset int64 // what is there already
	// begin is called once, with the offset from which writing goes on: that
	// of the target, or 0 when the server begins anew.
	begin func(offset int64) (io.Writer, error)
}

func (c *Client) get(ctx context.Context, d Download, to target) (Result, error) {
	address, err := parseURL(d.URL)
	if err != nil {
		return Result{}, err
	}
	if d.Limit <= 0 || d.Size < 0 {
		return Result{}, fmt.Errorf("%w: no limit", ErrConfig)
	}
	if d.Size > d.Limit {
		return Result{}, &TooLargeError{Limit: d.Limit}
	}
	w := c.watch(ctx, c.cfg.Connect+c.cfg.Stall)
	defer w.stop()
	answer, err := c.follow(w, address, to.offset)
	if err != nil {
		return Result{}, err
	}
	if answer.StatusCode == http.StatusRequestedRangeNotSatisfiable && to.offset > 0 {
		drain(answer.Body)
		if total := unsatisfied(answer.Header.Get("Content-Range")); total == to.offset && (d.Size == 0 || d.Size == total) {
			_, err := to.begin(to.offset)
			return Result{Size: total}, err
		}
		to.offset = 0
		if answer, err = c.follow(w, address, 0); err != nil {
			return Result{}, err
		}
	}
	defer func() { _ = answer.Body.Close() }()
	offset, total, err := d.check(answer, to.offset)
	if err != nil {
		return Result{}, err
	}
	out, err := to.begin(offset)
	if err != nil {
		return Result{}, err
	}
	got, err := c.copy(w, d, out, answer.Body, offset, total)
	if err != nil {
		return Result{}, err
	}
	return Result{Size: got, MediaType: answer.Header.Get("Content-Type")}, nil
}

// follow asks for a file from offset on, elsewhere if the server says so.
func (c *Client) follow(w *watch, address *url.URL, offset int64) (*http.Response, error) {
	for range maxRedirects + 1 {
		r, err := c.request(w, http.MethodGet, address, nil)
		if err != nil {
			return nil, err
		}
		r.Header.Set("Accept-Encoding", "identity")
		if offset > 0 {
			r.Header.Set("Range", "bytes="+strconv.FormatInt(offset, 10)+"-")
		}
		answer, err := c.http.Do(r)
		if err != nil {
			return nil, w.why(err)
		}
		switch answer.StatusCode {
		case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		default:
			return answer, nil
		}
		drain(answer.Body)
		next, err := answer.Location()
		if err != nil {
			return nil, ErrRedirect
		}
		if address, err = parseURL(next.String()); err != nil {
			return nil, ErrRedirect
		}
		w.within(c.cfg.Connect + c.cfg.Stall)
	}
	return nil, ErrRedirect
}

// check returns from where on the answer is and the size of the whole file, -1
// when that is unknown, if they are acceptable.
func (d Download) check(answer *http.Response, asked int64) (offset, total int64, err error) {
	total = answer.ContentLength
	switch answer.StatusCode {
	case http.StatusOK:
	case http.StatusPartialContent:
		if offset, total, err = contentRange(answer.Header.Get("Content-Range")); err != nil {
			return 0, 0, err
		}
		if asked == 0 || offset != asked || answer.ContentLength >= 0 && total >= 0 && total-offset != answer.ContentLength {
			return 0, 0, fmt.Errorf("%w: range", ErrAnswer)
		}
	case http.StatusRequestedRangeNotSatisfiable:
		return 0, 0, fmt.Errorf("%w: range", ErrAnswer)
	default:
		if answer.StatusCode < 300 {
			return 0, 0, ErrAnswer // success without content
		}
		return 0, 0, statusError(answer.StatusCode)
	}
	if e := answer.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return 0, 0, fmt.Errorf("%w: encoding", ErrAnswer)
	}
	if total > d.Limit {
		return 0, 0, &TooLargeError{Limit: d.Limit}
	}
	if total >= 0 && d.Size > 0 && total != d.Size {
		return 0, 0, ErrSize
	}
	return offset, total, nil
}

// contentRange reads "bytes 5-9/10", RFC 9110 §14.4, of a range that goes on to
// the end of the file. Prosody 0.12 writes it as "bytes 5-10/10".
func contentRange(s string) (first, total int64, err error) {
	rest, isBytes := strings.CutPrefix(s, "bytes ")
	span, size, hasSize := strings.Cut(rest, "/")
	from, to, isSpan := strings.Cut(span, "-")
	a, errA := strconv.ParseUint(from, 10, 62)
	b, errB := strconv.ParseUint(to, 10, 62)
	if !isBytes || !hasSize || !isSpan || errA != nil || errB != nil || a > b {
		return 0, 0, fmt.Errorf("%w: range", ErrAnswer)
	}
	if size == "*" {
		return int64(a), -1, nil
	}
	n, err := strconv.ParseUint(size, 10, 62)
	if err != nil || n != b+1 && n != b || n <= a {
		return 0, 0, fmt.Errorf("%w: range", ErrAnswer)
	}
	return int64(a), int64(n), nil
}

// unsatisfied reads the size of the file in "bytes */10"; -1 when it is not
// there.
func unsatisfied(s string) int64 {
	size, ok := strings.CutPrefix(s, "bytes */")
	n, err := strconv.ParseUint(size, 10, 62)
	if !ok || err != nil {
		return -1
	}
	return int64(n)
}

// bufferSize is how much is read at once.
const bufferSize = 64 << 10

// copy moves the content and returns how many bytes the file then has.
func (c *Client) copy(w *watch, d Download, out io.Writer, in io.Reader, got, total int64) (int64, error) {
	tell := func() {
		if d.Progress != nil {
			d.Progress(got, total)
		}
	}
	tell()
	buf := make([]byte, bufferSize)
	for {
		w.within(c.cfg.Stall)
		n, err := in.Read(buf)
		got += int64(n)
		if got > d.Limit {
			return 0, &TooLargeError{Limit: d.Limit}
		}
		if d.Size > 0 && got > d.Size {
			return 0, ErrSize
		}
		if n > 0 {
			if _, err := out.Write(buf[:n]); err != nil {
				return 0, fmt.Errorf("%w: %w", ErrTarget, reason(err))
			}
			tell()
		}
		switch {
		case err == nil:
		case !errors.Is(err, io.EOF):
			return 0, w.why(err)
		case total >= 0 && got != total:
			return 0, ErrConnection
		case d.Size > 0 && got != d.Size:
			return 0, ErrSize
		default:
			return got, nil
		}
	}
}
