// SPDX-License-Identifier: MPL-2.0

package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
)

// An Upload is a file to be sent.
type Upload struct {
	URL     string   // https:
	Headers []Header // Authorization, Cookie and Expires; others are not sent
	// Body is read once from where it is, Size bytes: not fewer, not more. It
	// is not used any more when Put has returned.
	Body      io.Reader
	Size      int64
	MediaType string // application/octet-stream when empty
	// Progress is told how many bytes have been handed to the connection, now
	// and then and at the end, on a goroutine of the transfer. It must be quick.
	Progress func(sent int64)
}

// uploadHeaders are those that XEP-0363 §4 allows.
var uploadHeaders = []string{"Authorization", "Cookie", "Expires"}

// Put sends a file with an HTTP PUT. When it fails, the slot is used up: for a
// second try ask for a new one and send the same bytes from the start; what has
// been encrypted is not to be encrypted again under the same key.
//
// Errors: [ErrURL], [ErrConfig], [ErrSource], [*TooLargeError], [ErrQuota],
// [ErrRedirect], [ErrTimeout], [ErrConnection], [ErrCertificate],
// [*StatusError], and the cause of ctx.
func (c *Client) Put(ctx context.Context, u Upload) error {
	if err := c.put(ctx, u); err != nil {
		return fmt.Errorf("put file: %w", err)
	}
	return nil
}

func (c *Client) put(ctx context.Context, u Upload) error {
	address, err := parseURL(u.URL)
	if err != nil {
		return err
	}
	if u.Body == nil || u.Size <= 0 {
		return fmt.Errorf("%w: empty file", ErrConfig)
	}
	w := c.watch(ctx, c.cfg.Connect)
	defer w.stop()
	body := newSource(u, func(sent int64) {
		if sent < u.Size {
			w.within(c.cfg.Stall)
		} else {
			w.within(c.cfg.Answer)
		}
	})
	r, err := c.request(w, http.MethodPut, address, body)
	if err != nil {
		return err
	}
	r.ContentLength = u.Size
	for _, h := range u.Headers {
		name := http.CanonicalHeaderKey(strings.TrimSpace(h.Name))
		if slices.Contains(uploadHeaders, name) {
			r.Header.Add(name, strings.NewReplacer("\r", "", "\n", "").Replace(h.Value))
		}
	}
	r.Header.Set("Content-Type", "application/octet-stream")
	if u.MediaType != "" {
		r.Header.Set("Content-Type", u.MediaType)
	}
	if u.Size > expectAbove {
		r.Header.Set("Expect", "100-continue")
	}
	answer, err := c.http.Do(r)
	complete, failure := body.end()
	if err != nil {
		if failure != nil {
			return failure
		}
		return w.why(err)
	}
	defer drain(answer.Body)
	switch {
	case answer.StatusCode < 200 || answer.StatusCode > 299:
		return statusError(answer.StatusCode)
	case failure == nil && !complete:
		return fmt.Errorf("%w: success before the end", ErrAnswer)
	}
	return failure
}

// A source is the body of an upload. net/http reads it on a goroutine of its
// own, and may still do so when it has returned: from end on it reads nothing.
type source struct {
	u     Upload
	moved func(sent int64)

	reading sync.Mutex // keeps end waiting for a read that is under way
	sent    int64
	told    int64
	ended   bool
	err     error // of reading
}

func newSource(u Upload, moved func(int64)) *source { return &source{u: u, moved: moved} }

// reportEvery is after how many bytes progress is told.
const reportEvery = 64 << 10

var errEnded = errors.New("upload has ended")

func (s *source) Read(p []byte) (int, error) {
	s.reading.Lock()
	defer s.reading.Unlock()
	if s.ended {
		return 0, errEnded
	}
	// One byte beyond the end shows whether there is more than stated.
	n, err := s.u.Body.Read(p[:min(int64(len(p)), s.u.Size-s.sent+1)])
	s.sent += int64(n)
	switch {
	case s.sent > s.u.Size:
		s.err = fmt.Errorf("%w: larger than stated", ErrSource)
	case err == nil:
	case !errors.Is(err, io.EOF):
		s.err = fmt.Errorf("%w: %w", ErrSource, reason(err))
	case s.sent < s.u.Size:
		s.err = fmt.Errorf("%w: smaller than stated", ErrSource)
	}
	if s.err != nil {
		return 0, s.err
	}
	s.moved(s.sent)
	if s.u.Progress != nil && (s.sent-s.told >= reportEvery || s.sent == s.u.Size && s.told < s.sent) {
		s.told = s.sent
		s.u.Progress(s.sent)
	}
	return n, err
}

func (s *source) Close() error { return nil }

// end makes every further read fail and waits for one that is under way. It
// returns whether all was read, and why it could not be.
func (s *source) end() (complete bool, err error) {
	s.reading.Lock()
	defer s.reading.Unlock()
	s.ended = true
	return s.sent == s.u.Size, s.err
}

// reason removes a file name from an error.
func reason(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	var link *os.LinkError
	if errors.As(err, &link) {
		return link.Err
	}
	return err
}
