// SPDX-License-Identifier: MPL-2.0

// XEP-0363: HTTP File Upload

package xmpp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/network/xmpp/stream"
)

// NSUpload is the namespace of HTTP file upload.
const NSUpload = "urn:xmpp:http:upload:0"

const (
	nsUploadLegacy  = "urn:xmpp:http:upload" // versions before 0.3 of XEP-0363
	nsUploadPurpose = "urn:xmpp:http:upload:purpose:0"
)

// Errors of [Client.RequestSlot] and [Client.FetchUploadServices].
var (
	// ErrNoUpload: the server offers no uploads.
	ErrNoUpload error = &codedError{"xmpp.upload.none", "no upload service"}
	// ErrUploadRefused: the service does not take files from this account.
	ErrUploadRefused error = &codedError{"xmpp.upload.refused", "upload refused"}
)

// An UploadTooLargeError says that a file exceeds what the service takes.
type UploadTooLargeError struct {
	Limit int64 // bytes; 0 when the service does not tell
	cause error
}

func (e *UploadTooLargeError) Error() string {
	return "file too large for the upload service, limit " + strconv.FormatInt(e.Limit, 10) + " bytes"
}

// Code returns the stable name of the error.
func (e *UploadTooLargeError) Code() string { return "xmpp.upload.too-large" }

func (e *UploadTooLargeError) Unwrap() error { return e.cause }

// An UploadQuotaError says that the account has uploaded too much.
type UploadQuotaError struct {
	Retry time.Time // when to try again; zero when the service does not tell
	cause error
}

func (e *UploadQuotaError) Error() string { return "upload quota reached" }

// Code returns the stable name of the error.
func (e *UploadQuotaError) Code() string { return "xmpp.upload.quota" }

func (e *UploadQuotaError) Unwrap() error { return e.cause }

// An UploadService takes files.
type UploadService struct {
	JID     jid.JID
	MaxSize int64 // of a file in bytes; 0 when unknown
	Legacy  bool  // speaks a version before 0.3
	// Purposes are those of §5 that the service knows.
	Purposes []UploadPurpose
}

// An UploadPurpose says for how long a file will be needed, XEP-0363 §5.
type UploadPurpose string

// The purposes. No purpose is that of a message.
const (
	MessageUpload   UploadPurpose = "message"
	ProfileUpload   UploadPurpose = "profile"   // avatars and the like
	PermanentUpload UploadPurpose = "permanent" // without a date
)

// maxUploadItems is how many services of a server are asked what they are.
const maxUploadItems = 32

// FetchUploadServices looks for upload services among the services of our
// server, with its own first. The answer holds for as long as the server runs:
// keep it for a session.
//
// Errors: [ErrNoUpload], [ErrAnswer] and those of [stream.Stream.IQ].
func (c *Client) FetchUploadServices(ctx context.Context) ([]UploadService, error) {
	items, err := c.FetchDiscoItems(ctx, c.self.Domain(), "")
	if err != nil && Condition(err) == "" {
		return nil, fmt.Errorf("fetch upload services: %w", err)
	}
	addresses := []jid.JID{c.self.Domain()}
	for _, item := range items {
		if item.Node == "" && len(addresses) < maxUploadItems && !slices.ContainsFunc(addresses, item.JID.Equal) {
			addresses = append(addresses, item.JID)
		}
	}
	found := make([]*UploadService, len(addresses))
	failures := make([]error, len(addresses))
	var asking sync.WaitGroup
	for n, address := range addresses {
		asking.Go(func() {
			info, err := c.FetchInfo(ctx, address, "")
			found[n], failures[n] = uploadService(address, info), err
		})
	}
	asking.Wait()
	var services []UploadService
	for _, s := range found {
		if s != nil {
			services = append(services, *s)
		}
	}
	if len(services) == 0 {
		return nil, fmt.Errorf("fetch upload services: %w", cmp.Or(unanswered(failures), ErrNoUpload))
	}
	slices.SortStableFunc(services, func(a, b UploadService) int {
		switch {
		case a.Legacy == b.Legacy:
			return 0
		case a.Legacy:
			return 1
		}
		return -1
	})
	return services, nil
}

// unanswered returns why a service was not heard of, nil when all answered or
// refused to.
func unanswered(failures []error) error {
	for _, err := range failures {
		if err != nil && Condition(err) == "" && !errors.Is(err, ErrAnswer) && !errors.Is(err, ErrMalformed) {
			return err
		}
	}
	return nil
}

// uploadService returns the upload service that an entity is, nil when it is
// none.
func uploadService(address jid.JID, info Info) *UploadService {
	s := UploadService{JID: address}
	space := NSUpload
	switch {
	case info.Has(NSUpload):
	case info.Has(nsUploadLegacy):
		s.Legacy, space = true, nsUploadLegacy
	default:
		return nil
	}
	if form := info.Form(space); form != nil {
		s.MaxSize = number(form.Value("max-file-size"), 1<<62)
	}
	for _, p := range []UploadPurpose{MessageUpload, ProfileUpload, PermanentUpload} {
		if info.Has(nsUploadPurpose + "#" + string(p)) {
			s.Purposes = append(s.Purposes, p)
		}
	}
	return &s
}

// An UploadRequest describes a file to be uploaded.
type UploadRequest struct {
	// Name ends up in the address and so on the server: for an encrypted file
	// take a random one.
	Name      string
	Size      int64  // bytes that will be sent, not 0
	MediaType string // optional; the upload must then state the same
	// Purpose is left out when the service does not know it.
	Purpose UploadPurpose
}

// A Slot is where to send a file, and where it can be had from then on. Whoever
// knows the addresses can use them.
type Slot struct {
	Put, Get string   // https: addresses
	Headers  []Header // to send with the file
}

// A Header is a header field of HTTP.
type Header struct{ Name, Value string }

// uploadHeaders are those that a service may ask for, XEP-0363 §4.
var uploadHeaders = []string{"Authorization", "Cookie", "Expires"}

// Bounds of the headers of a slot.
const (
	maxUploadHeaders = 16
	maxUploadHeader  = 8 << 10 // bytes
)

// RequestSlot asks for a place to upload a file to. It is used up by one
// upload, successful or not, and soon: services keep a slot for minutes.
//
// Errors: [*UploadTooLargeError], also without asking when s.MaxSize says so;
// [*UploadQuotaError]; [ErrUploadRefused]; [ErrAnswer], also for an address that
// is not https:; and those of [stream.Stream.IQ].
func (c *Client) RequestSlot(ctx context.Context, s UploadService, r UploadRequest) (Slot, error) {
	if r.Size <= 0 {
		return Slot{}, fmt.Errorf("request upload slot: %w: size", ErrConfig)
	}
	if s.MaxSize > 0 && r.Size > s.MaxSize {
		return Slot{}, fmt.Errorf("request upload slot: %w", &UploadTooLargeError{Limit: s.MaxSize})
	}
	answer, err := c.get(ctx, s.JID, s.request(r))
	if err != nil {
		return Slot{}, fmt.Errorf("request upload slot: %w", uploadRefusal(err))
	}
	slot, err := parseSlot(answer)
	if err != nil {
		return Slot{}, fmt.Errorf("request upload slot: %w", err)
	}
	return slot, nil
}

func (s UploadService) request(r UploadRequest) *element.Element {
	size := strconv.FormatInt(r.Size, 10)
	if s.Legacy {
		x := element.New(nsUploadLegacy, "request")
		x.Add(element.New(nsUploadLegacy, "filename").WithText(r.Name), element.New(nsUploadLegacy, "size").WithText(size))
		if r.MediaType != "" {
			x.Add(element.New(nsUploadLegacy, "content-type").WithText(r.MediaType))
		}
		return x
	}
	x := element.New(NSUpload, "request").With("filename", r.Name).With("size", size).WithOptional("content-type", r.MediaType)
	if slices.Contains(s.Purposes, r.Purpose) {
		x.Add(element.New(nsUploadPurpose, string(r.Purpose)))
	}
	return x
}

// parseSlot reads the answer of a service of either version.
func parseSlot(slot *element.Element) (Slot, error) {
	for _, space := range []string{NSUpload, nsUploadLegacy} {
		if !slot.Is(space, "slot") {
			continue
		}
		put, get := slot.Child(space, "put"), slot.Child(space, "get")
		s := Slot{Put: slotURL(put), Get: slotURL(get)}
		if s.Put == "" || s.Get == "" {
			return Slot{}, fmt.Errorf("%w: addresses", ErrAnswer)
		}
		var err error
		if s.Headers, err = slotHeaders(put, space); err != nil {
			return Slot{}, err
		}
		return s, nil
	}
	return Slot{}, ErrAnswer
}

// slotURL reads an address, which is an attribute or, in a legacy slot, text.
func slotURL(x *element.Element) string {
	if x == nil {
		return ""
	}
	return httpsURL(cmp.Or(x.AttrValue("url"), x.Text))
}

// slotHeaders reads the headers that may be sent, in their order and without
// line ends.
func slotHeaders(put *element.Element, space string) ([]Header, error) {
	var list []Header
	strip := strings.NewReplacer("\r", "", "\n", "").Replace
	for x := range put.All(space, "header") {
		h := Header{Name: textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(strip(x.AttrValue("name")))), Value: strip(x.Text)}
		if !slices.Contains(uploadHeaders, h.Name) {
			continue
		}
		if len(list) == maxUploadHeaders || len(h.Value) > maxUploadHeader || strings.ContainsFunc(h.Value, notInHeader) {
			return nil, fmt.Errorf("%w: headers", ErrAnswer)
		}
		list = append(list, h)
	}
	return list, nil
}

// notInHeader reports what HTTP does not carry in a header field.
func notInHeader(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// uploadRefusal turns the refusal of a service into a typed error.
func uploadRefusal(err error) error {
	var refused *stream.IQError
	if !errors.As(err, &refused) {
		return err
	}
	for _, space := range []string{NSUpload, nsUploadLegacy} {
		if x := refused.Element.Child(space, "file-too-large"); x != nil {
			return &UploadTooLargeError{Limit: number(x.ChildText(space, "max-file-size"), 1<<62), cause: err}
		}
		if x := refused.Element.Child(space, "retry"); x != nil {
			at, timeErr := parseTime(x.AttrValue("stamp"))
			if timeErr != nil {
				at = time.Time{}
			}
			return &UploadQuotaError{Retry: at, cause: err}
		}
	}
	switch refused.Reason.Condition {
	case stanza.ResourceConstraint:
		return &UploadQuotaError{cause: err}
	case stanza.Forbidden, stanza.NotAllowed, stanza.NotAuthorized, stanza.NotAcceptable, stanza.PolicyViolation, stanza.RegistrationRequired:
		return fmt.Errorf("%w: %w", ErrUploadRefused, err)
	}
	return err
}
