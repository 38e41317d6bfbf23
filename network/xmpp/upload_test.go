// SPDX-License-Identifier: MPL-2.0

package xmpp

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
)

const uploadInfo = `<query xmlns='http://jabber.org/protocol/disco#info'><identity category='store' type='file'/><feature var='urn:xmpp:http:upload:0'/>
<feature var='urn:xmpp:http:upload:purpose:0#profile'/>
<x type='result' xmlns='jabber:x:data'><field var='FORM_TYPE' type='hidden'><value>urn:xmpp:http:upload:0</value></field><field var='max-file-size'><value>5242880</value></field></x></query>`

var uploadJID = jid.MustParse("upload.capulet.example")

// discovery answers like a server with services.
func discovery(t *testing.T, infos map[string]string) func(stanza.IQType, jid.JID, *element.Element) (*element.Element, error) {
	return func(_ stanza.IQType, to jid.JID, payload *element.Element) (*element.Element, error) {
		if payload.Name.Space == nsDiscoItems {
			var b strings.Builder
			for address := range infos {
				b.WriteString("<item jid='" + address + "'/>")
			}
			return answered(t, "<query xmlns='http://jabber.org/protocol/disco#items'>"+b.String()+"</query>")
		}
		info, ok := infos[to.String()]
		if !ok {
			info = "<query xmlns='http://jabber.org/protocol/disco#info'/>"
		}
		return answered(t, info)
	}
}

func TestFetchUploadServices(t *testing.T) {
	legacy := strings.ReplaceAll(uploadInfo, "urn:xmpp:http:upload:0", "urn:xmpp:http:upload")
	c, conn := newTest(t, Config{})
	conn.handle = discovery(t, map[string]string{
		"old.capulet.example": legacy, "upload.capulet.example": uploadInfo, "muc.capulet.example": refusal("cancel", "service-unavailable", ""),
	})
	services, err := c.FetchUploadServices(t.Context())
	require.NoError(t, err)
	require.Equal(t, []UploadService{
		{JID: uploadJID, MaxSize: 5242880, Purposes: []UploadPurpose{ProfileUpload}},
		{JID: jid.MustParse("old.capulet.example"), MaxSize: 5242880, Legacy: true, Purposes: []UploadPurpose{ProfileUpload}},
	}, services)

	conn.handle = discovery(t, map[string]string{"capulet.example": uploadInfo})
	services, err = c.FetchUploadServices(t.Context())
	require.NoError(t, err)
	require.Len(t, services, 1, "the server itself, asked once")

	conn.handle = discovery(t, map[string]string{"muc.capulet.example": refusal("cancel", "service-unavailable", "")})
	_, err = c.FetchUploadServices(t.Context())
	require.ErrorIs(t, err, ErrNoUpload)

	lost := errors.New("lost")
	conn.handle = func(_ stanza.IQType, _ jid.JID, payload *element.Element) (*element.Element, error) {
		if payload.Name.Space == nsDiscoItems {
			return answered(t, refusal("cancel", "feature-not-implemented", ""))
		}
		return nil, lost
	}
	_, err = c.FetchUploadServices(t.Context())
	require.ErrorIs(t, err, lost)
	require.NotErrorIs(t, err, ErrNoUpload, "nobody knows")

	asked := 0
	items := "<query xmlns='http://jabber.org/protocol/disco#items'>"
	for i := range 1000 {
		items += "<item jid='s" + strings.Repeat("x", i%50) + "." + strings.Repeat("y", i/50+1) + ".example'/>"
	}
	script := make(chan int, 2000)
	conn.handle = func(_ stanza.IQType, _ jid.JID, payload *element.Element) (*element.Element, error) {
		if payload.Name.Space == nsDiscoItems {
			return answered(t, items+"</query>")
		}
		script <- 1
		return answered(t, uploadInfo)
	}
	_, err = c.FetchUploadServices(t.Context())
	require.NoError(t, err)
	for range len(script) {
		asked += <-script
	}
	require.Equal(t, maxUploadItems, asked)
}

const slot = `<slot xmlns='urn:xmpp:http:upload:0'><put url='https://upload.montague.tld/4a/tr%C3%A8s%20cool.jpg'>
<header name='Authorization'>Basic Base64&#10;String==</header><header name='cookie'>foo=bar; user=romeo</header><header name='Cookie'>a=b</header>
<header name='eXpires'>soon</header><header name='Host'>evil.example</header><header name='X-Evil'>1</header><header name='Author&#10;ization'>second</header></put>
<get url='https://download.montague.tld/4a/tr%C3%A8s%20cool.jpg'/></slot>`

func TestRequestSlot(t *testing.T) {
	service := UploadService{JID: uploadJID, MaxSize: 100, Purposes: []UploadPurpose{ProfileUpload}}
	request := "<request xmlns='urn:xmpp:http:upload:0' filename='a.jpg' size='23' content-type='image/jpeg'/>"
	c, conn := newTest(t, Config{}, exchange{stanza.GetIQ, uploadJID.String(), request, slot})
	got, err := c.RequestSlot(t.Context(), service, UploadRequest{Name: "a.jpg", Size: 23, MediaType: "image/jpeg", Purpose: PermanentUpload})
	require.NoError(t, err)
	require.Equal(t, Slot{
		Put: "https://upload.montague.tld/4a/tr%C3%A8s%20cool.jpg", Get: "https://download.montague.tld/4a/tr%C3%A8s%20cool.jpg",
		Headers: []Header{{"Authorization", "Basic Base64String=="}, {"Cookie", "foo=bar; user=romeo"}, {"Cookie", "a=b"}, {"Expires", "soon"}, {"Authorization", "second"}},
	}, got)

	conn.script = []exchange{{
		stanza.GetIQ, uploadJID.String(),
		"<request xmlns='urn:xmpp:http:upload:0' filename='a' size='1'><profile xmlns='urn:xmpp:http:upload:purpose:0'/></request>", slot,
	}}
	_, err = c.RequestSlot(t.Context(), service, UploadRequest{Name: "a", Size: 1, Purpose: ProfileUpload})
	require.NoError(t, err)

	conn.script = []exchange{{
		stanza.GetIQ, uploadJID.String(),
		"<request xmlns='urn:xmpp:http:upload'><filename>a.jpg</filename><size>23</size><content-type>image/jpeg</content-type></request>",
		"<slot xmlns='urn:xmpp:http:upload'><put>https://h/put</put><get>https://h/get</get></slot>",
	}}
	got, err = c.RequestSlot(t.Context(), UploadService{JID: uploadJID, Legacy: true}, UploadRequest{Name: "a.jpg", Size: 23, MediaType: "image/jpeg"})
	require.NoError(t, err)
	require.Equal(t, Slot{Put: "https://h/put", Get: "https://h/get"}, got)

	var large *UploadTooLargeError
	_, err = c.RequestSlot(t.Context(), service, UploadRequest{Name: "a", Size: 101})
	require.ErrorAs(t, err, &large)
	require.Equal(t, int64(100), large.Limit)
	for _, size := range []int64{0, -1} {
		_, err = c.RequestSlot(t.Context(), service, UploadRequest{Name: "a", Size: size})
		require.ErrorIs(t, err, ErrConfig)
	}
}

func TestRequestSlotRefused(t *testing.T) {
	service := UploadService{JID: uploadJID}
	ask := func(answer string) error {
		c, conn := newTest(t, Config{})
		conn.handle = func(stanza.IQType, jid.JID, *element.Element) (*element.Element, error) { return answered(t, answer) }
		_, err := c.RequestSlot(context.Background(), service, UploadRequest{Name: "a", Size: 1})
		require.Error(t, err, answer)
		return err
	}
	var large *UploadTooLargeError
	require.ErrorAs(t, ask(refusal("modify", "not-acceptable", "<file-too-large xmlns='urn:xmpp:http:upload:0'><max-file-size>20000</max-file-size></file-too-large>")), &large)
	require.Equal(t, int64(20000), large.Limit)
	require.ErrorAs(t, ask(refusal("modify", "not-acceptable", "<file-too-large xmlns='urn:xmpp:http:upload:0'><max-file-size>-1</max-file-size></file-too-large>")), &large)
	require.Zero(t, large.Limit)

	var quota *UploadQuotaError
	err := ask(refusal("wait", "resource-constraint", "<retry xmlns='urn:xmpp:http:upload:0' stamp='2017-12-03T23:42:05Z'/>"))
	require.ErrorAs(t, err, &quota)
	require.Equal(t, time.Date(2017, 12, 3, 23, 42, 5, 0, time.UTC), quota.Retry)
	require.Equal(t, stanza.ResourceConstraint, Condition(err))
	require.ErrorAs(t, ask(refusal("wait", "resource-constraint", "<retry xmlns='urn:xmpp:http:upload:0' stamp='soon'/>")), &quota)
	require.True(t, quota.Retry.IsZero())
	require.ErrorAs(t, ask(refusal("wait", "resource-constraint", "")), &quota)
	for _, condition := range []string{"forbidden", "not-allowed", "not-acceptable", "not-authorized"} {
		require.ErrorIs(t, ask(refusal("auth", condition, "")), ErrUploadRefused, condition)
	}
	err = ask(refusal("cancel", "internal-server-error", ""))
	require.NotErrorIs(t, err, ErrUploadRefused)
	require.Equal(t, stanza.InternalServerError, Condition(err))

	for _, bad := range []string{
		"<slot xmlns='urn:x'/>", "<slot xmlns='urn:xmpp:http:upload:0'/>", "",
		strings.ReplaceAll(slot, "https://upload", "http://upload"), strings.ReplaceAll(slot, "https://download", "http://download"),
		strings.ReplaceAll(slot, "https://upload.montague.tld", "https://user:pass@upload.montague.tld"), strings.ReplaceAll(slot, "https://upload.montague.tld", "file://"),
		strings.ReplaceAll(slot, "foo=bar", strings.Repeat("x", maxUploadHeader)), strings.ReplaceAll(slot, "foo=bar", "&#x7f;"),
		strings.ReplaceAll(slot, "<header name='Host'>evil.example</header>", strings.Repeat("<header name='Cookie'>a</header>", 50)),
	} {
		require.ErrorIs(t, ask(bad), ErrAnswer, bad)
	}
}

// FuzzSlot checks that no answer makes us send elsewhere than over TLS, or
// headers that are not for uploads.
func FuzzSlot(f *testing.F) {
	f.Add(slot)
	f.Add("<slot xmlns='urn:xmpp:http:upload'><put>https://h/put</put><get>https://h/get</get></slot>")
	f.Add(uploadInfo)
	f.Fuzz(func(t *testing.T, s string) {
		e, ok := fuzzed(s)
		if !ok {
			return
		}
		if info, err := ParseInfo(e); err == nil {
			if u := uploadService(uploadJID, info); u != nil {
				require.GreaterOrEqual(t, u.MaxSize, int64(0))
			}
		}
		got, err := parseSlot(e)
		if err != nil {
			return
		}
		for _, u := range []string{got.Put, got.Get} {
			require.True(t, strings.HasPrefix(strings.ToLower(u), "https:"), u)
		}
		require.LessOrEqual(t, len(got.Headers), maxUploadHeaders)
		for _, h := range got.Headers {
			require.Contains(t, uploadHeaders, h.Name)
			require.NotContains(t, h.Value, "\n")
			require.NotContains(t, h.Value, "\r")
		}
	})
}
