// SPDX-License-Identifier: MPL-2.0

package xmpp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/network/xmpp/stream"
)

func TestContentIsNotShown(t *testing.T) {
	const canary = "canary"
	e := element.New(element.NSClient, "message").With("to", canary).WithText(canary)
	m := Message{Body: canary, Element: e, Error: &stanza.Error{Text: map[string]string{"": canary}}}
	f := Form{Fields: []Field{{Var: "password", Values: []string{canary}}}}
	for _, v := range []any{
		m, &m, e, ArchivePage{Items: []ArchiveItem{{Message: m}}}, Presence{Status: canary, Element: e}, f, &f, f.Fields,
		Content{Corrects: canary, Files: []SharedFile{{ID: canary}}}, Reactions{ID: canary}, Reference{URI: canary}, OOB{URL: canary}, Spoiler{Hint: canary},
		SharedFile{ID: canary}, FileInfo{Name: canary}, FileSource{URL: canary}, EncryptedSource{Key: []byte(canary)}, Thumbnail{URI: canary},
		&EncryptedSource{Key: []byte(canary)}, Slot{Put: canary}, UploadRequest{Name: canary}, Visible{Text: canary},
		Report{Text: canary}, Avatar{Data: []byte(canary), Hash: canary}, PushService{Node: canary}, ServerInvite{Landing: canary}, ExternalService{Password: canary},
		RegisterOptions{JID: juliet, Password: canary}, Event{Items: []Item{{Payload: e}}}, []*element.Element{e},
	} {
		var log bytes.Buffer
		for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
			slog.New(h).Info("x", "v", v, "in", struct{ V any }{v})
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&log, verb, v)
		}
		if b, err := json.Marshal(v); err == nil {
			log.Write(b)
		}
		require.NotContains(t, log.String(), canary, "%T", v)
		require.NotContains(t, log.String(), fmt.Sprintf("%x", canary), "%T", v)
	}
}

func TestErrorsHaveCodes(t *testing.T) {
	seen := map[string]bool{}
	for _, err := range []error{
		ErrMalformed, ErrForged, ErrAnswer, ErrConfig, ErrNoCursor, ErrPage, ErrNoNode, ErrNodeConfig,
		ErrRegisterClosed, ErrRegisterTaken, ErrRegisterRefused, ErrRegisterLater, ErrRegisterForm, &RegisterWebError{URL: "canary"},
		ErrNoUpload, ErrUploadRefused, &UploadTooLargeError{Limit: 1}, &UploadQuotaError{}, ErrAvatar, ErrURI, ErrNoInvites, ErrRegisterToken,
	} {
		var coded interface{ Code() string }
		require.ErrorAs(t, fmt.Errorf("do thing: %w", err), &coded)
		require.Regexp(t, `^xmpp\.[a-z]+\.[a-z-]+$`, coded.Code())
		require.False(t, seen[coded.Code()], coded.Code())
		seen[coded.Code()] = true
		require.NotContains(t, err.Error(), "canary")
	}
}

func TestCondition(t *testing.T) {
	refused := &stream.IQError{Reason: stanza.Error{Condition: stanza.Conflict}}
	require.Equal(t, stanza.Conflict, Condition(fmt.Errorf("x: %w: %w", ErrNoNode, refused)))
	require.Equal(t, stanza.Condition(""), Condition(errors.New("x")))
	require.Equal(t, stanza.Condition(""), Condition(nil))
}
