// SPDX-License-Identifier: MPL-2.0

package transfer

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"strconv"
)

type codedError struct{ code, msg string }

func (e *codedError) Error() string { return e.msg }

// Code returns the stable name of the error.
func (e *codedError) Code() string { return e.code }

// Errors of this package; besides, [*TooLargeError] and [*StatusError]. A
// context that ended is returned as its cause.
var (
	// ErrConfig: the Config, Upload or Download is not usable.
	ErrConfig error = &codedError{"transfer.config", "unusable configuration"}
	// ErrURL: the address is not https:, or carries a user name.
	ErrURL error = &codedError{"transfer.url", "unusable address"}
	// ErrRedirect: the server sent us elsewhere.
	ErrRedirect error = &codedError{"transfer.redirect", "redirect refused"}
	// ErrTimeout: the other side paused for too long. Try again.
	ErrTimeout error = &codedError{"transfer.timeout", "transfer stalled"}
	// ErrConnection: the server could not be reached, or the connection was
	// lost. Try again.
	ErrConnection error = &codedError{"transfer.connection", "connection failed"}
	// ErrCertificate: the server's certificate is not valid.
	ErrCertificate error = &codedError{"transfer.certificate", "certificate not valid"}
	// ErrQuota: the server has no room, or none for us: 413 without having
	// refused the size, 429 or 507.
	ErrQuota error = &codedError{"transfer.quota", "server has no room"}
	// ErrGone: there is no such file (any more): 404 or 410.
	ErrGone error = &codedError{"transfer.gone", "no such file"}
	// ErrAnswer: the answer contradicts HTTP or the request.
	ErrAnswer error = &codedError{"transfer.answer", "unexpected answer"}
	// ErrSize: the file does not have the size that was expected.
	ErrSize error = &codedError{"transfer.size", "wrong size"}
	// ErrSource: the file to be sent could not be read, or has another size
	// than stated.
	ErrSource error = &codedError{"transfer.source", "file cannot be read"}
	// ErrTarget: what was received could not be written.
	ErrTarget error = &codedError{"transfer.target", "file cannot be written"}
	// ErrClosed: the Client has been closed.
	ErrClosed error = &codedError{"transfer.closed", "closed"}
)

// A TooLargeError says that a file exceeds a limit: that of the download, or the
// server's for an upload (413), which it does not tell.
type TooLargeError struct {
	Limit int64 // bytes; 0 when unknown
}

func (e *TooLargeError) Error() string {
	if e.Limit == 0 {
		return "file too large"
	}
	return "file too large, limit " + strconv.FormatInt(e.Limit, 10) + " bytes"
}

// Code returns the stable name of the error.
func (e *TooLargeError) Code() string { return "transfer.too-large" }

// A StatusError is an HTTP status that no other error stands for.
type StatusError struct{ Status int }

func (e *StatusError) Error() string {
	return "server answered " + strconv.Itoa(e.Status) + " " + http.StatusText(e.Status)
}

// Code returns the stable name of the error.
func (e *StatusError) Code() string { return "transfer.status" }

// Temporary reports whether trying again later may help.
func (e *StatusError) Temporary() bool {
	return e.Status >= 500 || e.Status == http.StatusRequestTimeout || e.Status == http.StatusTooEarly
}

// Temporary reports whether the same transfer may succeed when it is tried
// again: for an upload with a new slot, for a download from where it ended.
func Temporary(err error) bool {
	var status *StatusError
	return errors.Is(err, ErrTimeout) || errors.Is(err, ErrConnection) || errors.As(err, &status) && status.Temporary()
}

// statusError translates a status that is no success.
func statusError(status int) error {
	switch {
	case status >= 300 && status < 400:
		return ErrRedirect
	case status == http.StatusRequestEntityTooLarge:
		return &TooLargeError{}
	case status == http.StatusTooManyRequests, status == http.StatusInsufficientStorage:
		return ErrQuota
	case status == http.StatusNotFound, status == http.StatusGone:
		return ErrGone
	}
	return &StatusError{Status: status}
}

// plain removes the address from an error of net/http and puts one of ours in
// its place.
func plain(err error) error {
	var refused *url.Error
	if errors.As(err, &refused) {
		err = refused.Err
	}
	for _, own := range []error{ErrRedirect, ErrURL, ErrSource, ErrTarget, ErrTimeout, ErrClosed} {
		if errors.Is(err, own) {
			return own
		}
	}
	if isCertificate(err) {
		return ErrCertificate
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return ErrTimeout
	}
	return ErrConnection
}
