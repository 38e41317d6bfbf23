// SPDX-License-Identifier: MPL-2.0

package core_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/confab-im/confab/core"
	"github.com/stretchr/testify/require"
)

// What holds content, keys or passwords does not show them, however it is
// printed.
func TestTypesRedactThemselves(t *testing.T) {
	const secret = "canary-7f3a"
	values := []any{
		core.Message{Body: secret, Sender: secret}, &core.Message{Body: secret}, []core.Message{{Body: secret}},
		core.Draft{Body: secret}, core.Reply{Author: secret, Quote: secret}, &core.Reply{Quote: secret}, core.Edit{Body: secret}, core.AccountConfig{JID: secret, Password: []byte(secret)},
		core.RoomInfo{Name: secret, Subject: secret}, core.Invitation{Room: secret, Reason: secret}, core.RoomNotice{Who: secret, Text: secret},
		core.ContactLink{URI: secret}, core.Link{Peer: secret, Body: secret},
		core.PushConfig{Node: secret, Options: map[string]string{"a": secret}}, core.PushState{PushConfig: core.PushConfig{Node: secret}},
		core.Attachment{Name: secret, Thumbnail: []byte(secret)}, core.FileDraft{Path: secret, Name: secret, Caption: secret},
		core.Config{Key: []byte(secret), Passphrase: []byte(secret)},
	}
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, nil))
	for _, v := range values {
		logger.Info("value", "v", v)
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			text := fmt.Sprintf(verb, v)
			require.NotEmpty(t, text)
			require.NotContains(t, text, secret)
			require.NotContains(t, text, fmt.Sprintf("%x", secret))
			require.NotContains(t, text, strings.Trim(fmt.Sprint([]byte(secret)), "[]"))
		}
	}
	require.NotContains(t, log.String(), secret)
}
