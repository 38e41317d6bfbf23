// SPDX-License-Identifier: MPL-2.0

package xmpp

import (
	"context"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

func TestRoomAvatar(t *testing.T) {
	ctx, at := context.Background(), jid.MustParse(room)
	const asked = `<vCard xmlns='vcard-temp'/>`
	photo := func(b64 string) string {
		return `<PHOTO><TYPE>image/png</TYPE><BINVAL>` + b64 + `</BINVAL></PHOTO>`
	}
	card := func(in string) string { return `<vCard xmlns='vcard-temp'>` + in + `</vCard>` }
	const hash = "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d" // of "hello"
	two := card(`<FN>Cave</FN>` + photo("d29y\n  bGQ=") + photo(" aGVs\nbG8= "))
	huge := card(photo(base64.StdEncoding.EncodeToString(make([]byte, MaxRoomAvatar+1))))
	c, _ := newTest(t, Config{},
		exchange{stanza.GetIQ, room, asked, two}, exchange{stanza.GetIQ, room, asked, two}, exchange{stanza.GetIQ, room, asked, two},
		exchange{stanza.GetIQ, room, asked, huge}, exchange{stanza.GetIQ, room, asked, card(photo("!"))}, exchange{stanza.GetIQ, room, asked, card(photo(""))},
		exchange{stanza.GetIQ, room, asked, refusal("cancel", "item-not-found", "")},
		exchange{stanza.GetIQ, room, asked, refusal("auth", "forbidden", "")},
		exchange{stanza.GetIQ, room, asked, two}, exchange{stanza.SetIQ, room, card(`<FN>Cave</FN>` + photo("aGVsbG8=")), ""},
		exchange{stanza.GetIQ, room, asked, refusal("cancel", "item-not-found", "")}, exchange{stanza.SetIQ, room, asked, refusal("auth", "forbidden", "")},
	)
	a, err := c.FetchRoomAvatar(ctx, at)
	require.NoError(t, err)
	require.Equal(t, "world", string(a.Data))
	a, err = c.FetchRoomAvatar(ctx, at, strings.ToUpper(hash))
	require.NoError(t, err)
	require.Equal(t, RoomAvatar{Type: "image/png", Data: []byte("hello"), Hash: hash}, a)
	for range 5 {
		a, err = c.FetchRoomAvatar(ctx, at, strings.Repeat("0", 40))
		require.NoError(t, err)
		require.Empty(t, a.Data)
	}
	_, err = c.FetchRoomAvatar(ctx, at)
	require.ErrorIs(t, err, ErrRoomForbidden)
	require.NoError(t, c.SetRoomAvatar(ctx, at, RoomAvatar{Type: "image/png", Data: []byte("hello")}))
	require.ErrorIs(t, c.SetRoomAvatar(ctx, at, RoomAvatar{}), ErrRoomForbidden)
	require.ErrorIs(t, c.SetRoomAvatar(ctx, at, RoomAvatar{Data: make([]byte, MaxRoomAvatar+1)}), ErrConfig)
}
