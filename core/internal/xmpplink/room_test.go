// SPDX-License-Identifier: MPL-2.0

package xmpplink_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/core/internal/xmpplink"
	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/storage"
	"github.com/stretchr/testify/require"
)

const (
	hall   = "hall@rooms." + domain
	nsMUC  = "http://jabber.org/protocol/muc"
	nsUser = nsMUC + "#user"
)

// A script is what a room does.
type script struct {
	features string // beside that it is a room
	present  string // presences of others
	out      bool   // it has forgotten us
	joins    int
}

// hosts makes the server have the room.
func (w *world) hosts(r *script) {
	w.behaves(func(b *behaviour) {
		b.iq = func(c *conn, iq *element.Element) bool {
			if !strings.HasPrefix(iq.AttrValue("to"), hall) {
				return false
			}
			q := iq.Children[0]
			switch {
			case q.Is("http://jabber.org/protocol/disco#info", "query"):
				features := `<feature var='` + nsMUC + `'/>`
				for _, f := range strings.Fields(r.features) {
					features += `<feature var='` + f + `'/>`
				}
				c.result(iq, `<query xmlns='http://jabber.org/protocol/disco#info'><identity category='conference' type='text' name='Hall'/>`+features+`</query>`)
			case q.Is("urn:xmpp:ping", "ping") && locked(w.server, func() bool { return r.out }):
				c.refuse(iq, "not-acceptable")
			case q.Is("urn:xmpp:ping", "ping"):
				c.result(iq, "")
			case q.Is(nsMUC+"#admin", "query"):
				c.result(iq, `<query xmlns='`+nsMUC+`#admin'/>`)
			default:
				c.refuse(iq, "service-unavailable")
			}
			return true
		}
		b.cut = func(c *conn, e *element.Element) bool {
			if e.Name.Local == "presence" && strings.HasPrefix(e.AttrValue("to"), hall+"/") && e.AttrValue("type") == "" {
				c.mu.Lock()
				r.joins++
				r.out = false
				c.mu.Unlock()
				c.push(r.present, `<presence from='`+e.AttrValue("to")+`' to='`+full+`'><x xmlns='`+nsUser+`'>`+
					`<item affiliation='none' role='participant'/><status code='110'/></x></presence>`,
					`<message from='`+hall+`' type='groupchat' to='`+full+`'><subject/></message>`)
			}
			return false
		}
	})
}

func (w *world) joins() int64 {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	id, err := w.link.JoinRoom(ctx, hall, "me", "")
	require.NoError(w.t, err)
	return id
}

func (w *world) inHall(id int64) (list []storage.Message) {
	w.t.Helper()
	require.NoError(w.t, w.account.DB.View(w.t.Context(), func(r *storage.Reader) (err error) {
		list, err = r.MessagesAfter(id, 0, 0)
		return err
	}))
	return list
}

func groupchat(nick, id, body, more string) string {
	return `<message from='` + hall + `/` + nick + `' to='` + full + `' type='groupchat' id='` + id + `'><body>` + body + `</body>` + more + `</message>`
}

// What a room does not vouch for is not believed, and what only a room may say is
// not believed of others.
func TestHostileRoom(t *testing.T) {
	w := newWorld(t)
	r := &script{present: `<presence from='` + hall + `/eve' to='` + full + `'><x xmlns='` + nsUser + `'><item affiliation='owner' role='moderator' jid='` + bob + `/x'/></x></presence>`}
	w.hosts(r)
	w.startOnline()
	room := w.joins()
	forged := `<stanza-id xmlns='urn:xmpp:sid:0' by='` + hall + `' id='a1'/><occupant-id xmlns='urn:xmpp:occupant-id:0' id='bob'/>` +
		`<x xmlns='` + nsUser + `'><item jid='` + bob + `'/></x>`
	w.push(
		groupchat("eve", "1", "I am Bob", forged),
		// of a room that we are not in
		`<message from='other@rooms.`+domain+`/eve' to='`+full+`' type='groupchat' id='2'><body>elsewhere</body></message>`,
		// of moderators, invitations and configurations by an occupant
		`<message from='`+hall+`/eve' to='`+full+`' type='groupchat' id='3'><retract xmlns='urn:xmpp:message-retract:1' id='a1'><moderated xmlns='urn:xmpp:message-moderate:1'/></retract></message>`,
		`<message from='`+hall+`/eve' to='`+full+`' id='4'><x xmlns='`+nsUser+`'><invite from='`+bob+`'/></x></message>`,
		`<message from='`+hall+`/eve' to='`+full+`' type='groupchat' id='5'><x xmlns='`+nsUser+`'><status code='104'/><status code='172'/></x></message>`,
		// twice what may be there once
		groupchat("eve", "6", "doubled", `<x xmlns='`+nsUser+`'/><x xmlns='`+nsUser+`'/>`),
		// for us alone
		`<message from='`+hall+`/eve' to='`+full+`' type='chat' id='7'><body>psst</body><x xmlns='`+nsUser+`'/></message>`,
		// a carbon of what is never copied
		`<message from='`+alice+`' to='`+full+`'><received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>`+
			groupchat("eve", "8", "copied", "")+`</forwarded></received></message>`,
		`<presence from='`+hall+`/eve' to='`+full+`' type='subscribe'/>`,
		groupchat("eve", "9", "me, look", ""),
	)
	w.until("last", func() bool {
		rows := w.inHall(room)
		return len(rows) > 0 && rows[len(rows)-1].Body == "me, look"
	})
	rows := w.inHall(room)
	require.Len(t, rows, 2)
	require.Equal(t, "I am Bob", rows[0].Body)
	require.Equal(t, hall+"/eve", rows[0].Sender)
	require.Empty(t, rows[0].ArchiveID)
	require.False(t, rows[0].Outgoing)
	extra, err := pipeline.ExtraOf(&rows[0])
	require.NoError(t, err)
	require.Empty(t, extra.Occupant)
	require.Equal(t, "eve", extra.Nick)
	extra, err = pipeline.ExtraOf(&rows[1])
	require.NoError(t, err)
	require.True(t, extra.Mentioned)
	require.Empty(t, w.rows(), "nothing is Bob's")
	list, err := xmpplink.Invitations(t.Context(), w.account)
	require.NoError(t, err)
	require.Empty(t, list)
	requests, err := xmpplink.Requests(t.Context(), w.account)
	require.NoError(t, err)
	require.Empty(t, requests)
	require.NoError(t, w.account.DB.View(t.Context(), func(tx *storage.Reader) error {
		c, err := tx.ConversationByPeer(w.account.ID, hall+"/eve")
		require.NoError(t, err)
		require.Equal(t, pipeline.ConversationPrivate, c.Kind)
		list, err := tx.MessagesAfter(c.ID, 0, 0)
		require.Len(t, list, 1)
		return err
	}))
}

// A room that has forgotten us is entered again, and what it refused or swallowed
// meanwhile goes out again, with the same id.
func TestRoomForgets(t *testing.T) {
	w := newWorld(t)
	r := &script{}
	w.hosts(r)
	w.startOnline()
	room := w.joins()
	write := func(id string) int64 {
		n, err := w.account.Enqueue(t.Context(), pipeline.Outgoing{Conversation: room, RemoteID: id, Content: pipeline.Content{Body: "text " + id}})
		require.NoError(t, err)
		w.link.Wake()
		return n
	}
	came := func(id string) func() bool {
		times := 0
		return func() bool {
			n := w.count(func(e *element.Element) bool { return e.Name.Local == "message" && e.AttrValue("id") == id })
			return n > times
		}
	}
	twice := func(id string) func() bool {
		return func() bool {
			return w.count(func(e *element.Element) bool { return e.Name.Local == "message" && e.AttrValue("id") == id }) == 2
		}
	}
	// Refused: we are not in the room.
	first := write("m1")
	w.until("message", came("m1"))
	w.push(`<message from='` + hall + `' to='` + full + `' type='error' id='m1'><error type='modify'><not-acceptable xmlns='` + nsErrors + `'/></error></message>`)
	w.until("message again", twice("m1"))
	require.Equal(t, 2, locked(w.server, func() int { return r.joins }))
	w.push(groupchat("me", "m1", "text m1", ""))
	w.until("shown", w.sent(first))

	// Swallowed: it shows when the connection has been lost.
	second := write("m2")
	w.until("message", came("m2"))
	w.mu.Lock()
	r.out = true
	w.mu.Unlock()
	w.cut()
	w.until("message again", twice("m2"))
	require.Equal(t, 3, locked(w.server, func() int { return r.joins }))
	require.False(t, w.sent(second)())
	w.push(groupchat("me", "m2", "text m2", ""))
	w.until("shown", w.sent(second))

	// A new session enters the room by itself.
	w.behaves(func(b *behaviour) { b.refuse = `<failed xmlns='` + nsSM + `'/>` })
	w.cut()
	w.until("in the room", func() bool { return locked(w.server, func() int { return r.joins }) == 4 })
	rows := w.inHall(room)
	require.Len(t, rows, 2)
}

// Live messages wait until it is known what the room is, and are not counted
// before they are stored.
func TestRoomHolds(t *testing.T) {
	w := newWorld(t)
	r := &script{features: "muc_membersonly muc_nonanonymous"}
	w.hosts(r)
	release := make(chan struct{})
	w.behaves(func(b *behaviour) {
		answer := b.iq
		b.iq = func(c *conn, iq *element.Element) bool {
			if iq.Children[0].Is(nsMUC+"#admin", "query") {
				go func() {
					<-release
					c.result(iq, `<query xmlns='`+nsMUC+`#admin'/>`)
				}()
				return true
			}
			return answer(c, iq)
		}
	})
	w.startOnline()
	joined := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	go func() {
		_, err := w.link.JoinRoom(ctx, hall, "me", "")
		joined <- err
	}()
	w.until("presence", func() bool { return locked(w.server, func() int { return r.joins }) == 1 })
	w.push(groupchat("eve", "1", "early", ""), `<presence from='`+bob+`/x'/>`)
	w.until("presence", func() bool { return w.link.Presence(bob).Availability != xmpplink.Unavailable })
	var id int64
	require.NoError(t, w.account.DB.View(t.Context(), func(tx *storage.Reader) error {
		c, err := tx.ConversationByPeer(w.account.ID, hall)
		id = c.ID
		return err
	}))
	require.Empty(t, w.inHall(id))
	sent := locked(w.server, func() []string { return w.session.sent })
	for i, s := range sent {
		if strings.Contains(s, "<body>early") {
			require.LessOrEqual(t, w.handled(), uint64(i))
		}
	}
	close(release)
	require.NoError(t, <-joined)
	w.until("message", func() bool { return len(w.inHall(id)) == 1 })
	w.until("count", func() bool { return w.handled() >= uint64(len(sent)) })
	require.WithinDuration(t, time.Now(), w.inHall(id)[0].ReceivedAt, patience)
}
