// SPDX-License-Identifier: MPL-2.0

package xmpp

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/network/xmpp/stream"
)

func TestSelfPing(t *testing.T) {
	ctx, me := context.Background(), jid.MustParse(room+"/third")
	const ping = `<ping xmlns='urn:xmpp:ping'/>`
	for condition, want := range map[string]SelfPing{
		"service-unavailable": SelfPingJoined, "feature-not-implemented": SelfPingJoined, "not-acceptable": SelfPingNotJoined,
		"not-allowed": SelfPingNotJoined, "bad-request": SelfPingNotJoined, "forbidden": SelfPingNotJoined,
		"remote-server-not-found": SelfPingUnreachable, "remote-server-timeout": SelfPingUnreachable,
	} {
		c, _ := newTest(t, Config{}, exchange{stanza.GetIQ, me.String(), ping, refusal("cancel", condition, "")})
		got, err := c.SelfPing(ctx, me)
		require.NoError(t, err)
		require.Equal(t, want, got, condition)
	}
	for answer, want := range map[string]SelfPing{
		roomInfoAnswer: SelfPingRenamed, refusal("cancel", "item-not-found", ""): SelfPingNotJoined, refusal("cancel", "gone", ""): SelfPingNotJoined,
		refusal("auth", "forbidden", ""): SelfPingRenamed, "": SelfPingRenamed,
	} {
		c, _ := newTest(t, Config{}, exchange{stanza.GetIQ, me.String(), ping, refusal("cancel", "item-not-found", "")}, exchange{stanza.GetIQ, room, infoAsked, answer})
		got, err := c.SelfPing(ctx, me)
		require.NoError(t, err)
		require.Equal(t, want, got, answer)
	}
	c, f := newTest(t, Config{}, exchange{stanza.GetIQ, me.String(), ping, ""})
	got, err := c.SelfPing(ctx, me)
	require.NoError(t, err)
	require.Equal(t, SelfPingJoined, got)
	for cause, want := range map[error]SelfPing{stream.ErrIQTimeout: SelfPingUnreachable, stream.ErrSessionLost: SelfPingUnknown, context.Canceled: SelfPingUnknown} {
		f.handle = func(stanza.IQType, jid.JID, *element.Element) (*element.Element, error) { return nil, cause }
		got, err = c.SelfPing(ctx, me)
		require.Equal(t, want, got)
		if want == SelfPingUnknown {
			require.ErrorIs(t, err, cause)
		} else {
			require.NoError(t, err)
		}
	}
	calls := 0
	f.handle = func(stanza.IQType, jid.JID, *element.Element) (*element.Element, error) {
		if calls++; calls == 1 {
			return answered(t, refusal("cancel", "item-not-found", ""))
		}
		return nil, stream.ErrSessionLost
	}
	_, err = c.SelfPing(ctx, me)
	require.ErrorIs(t, err, stream.ErrSessionLost)
	_, err = c.SelfPing(ctx, me.Bare())
	require.ErrorIs(t, err, ErrConfig)
}
