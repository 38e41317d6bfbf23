// SPDX-License-Identifier: MPL-2.0

package transfer

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// A Client makes transfers. Use New.
type Client struct {
	cfg    Config
	http   http.Client
	closed context.Context
	close  context.CancelCauseFunc
}

// New returns a Client. Close it.
//
// Errors: [ErrConfig].
func New(cfg Config) (*Client, error) {
	cfg = cfg.withDefaults()
	transport, err := cfg.transport()
	if err != nil {
		return nil, fmt.Errorf("make transfer client: %w", err)
	}
	c := &Client{cfg: cfg}
	c.closed, c.close = context.WithCancelCause(context.Background())
	c.http = http.Client{
		Transport: transport,
		// Redirects are answers here: see follow.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// Close ends all transfers and connections.
func (c *Client) Close() error {
	c.close(ErrClosed)
	c.http.CloseIdleConnections()
	return nil
}

// A Header is a header field to send.
type Header struct{ Name, Value string }

// parseURL checks an address and removes its fragment.
func parseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return nil, ErrURL // the parser's error would name it
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

// A watch ends a transfer that pauses for too long, or whose Client is closed.
type watch struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	undo   func() bool
}

func (c *Client) watch(ctx context.Context, first time.Duration) *watch {
	w := &watch{}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	w.undo = context.AfterFunc(c.closed, func() { w.cancel(ErrClosed) })
	w.timer = time.AfterFunc(first, func() { w.cancel(ErrTimeout) })
	return w
}

// within gives the other side d from now on.
func (w *watch) within(d time.Duration) { w.timer.Reset(d) }

func (w *watch) stop() {
	w.timer.Stop()
	w.undo()
	w.cancel(context.Canceled)
}

// why returns the error to report for one that came out of net/http: the reason
// for which the transfer was ended, if it was.
func (w *watch) why(err error) error {
	if cause := context.Cause(w.ctx); cause != nil {
		return cause
	}
	return plain(err)
}

func (c *Client) request(w *watch, method string, u *url.URL, body io.Reader) (*http.Request, error) {
	r, err := http.NewRequestWithContext(w.ctx, method, u.String(), body)
	if err != nil {
		return nil, ErrURL
	}
	r.Header["User-Agent"] = nil // net/http would name itself
	if c.cfg.UserAgent != "" {
		r.Header.Set("User-Agent", c.cfg.UserAgent)
	}
	return r, nil
}

// drain reads a little of what is left of an answer, so that the connection can
// be used again, and closes it.
func drain(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, 4<<10)
	_ = body.Close()
}
