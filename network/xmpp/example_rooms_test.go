// SPDX-License-Identifier: MPL-2.0

package xmpp_test

import (
	"fmt"

	"mellium.im/xmpp/jid"

	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/network/xmpp/element"
)

// A Room is told of what comes from its address, and says what that changes.
func ExampleRoom() {
	self := jid.MustParse("juliet@capulet.example")
	room := xmpp.NewRoom(jid.MustParse("coven@chat.shakespeare.example"), xmpp.RoomTrust{}, 0)
	presence, err := room.Join(xmpp.JoinOptions{Nick: "Juliet"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("to", presence.AttrValue("to")) // which Client.SendRoomPresence sends

	const user = "<x xmlns='http://jabber.org/protocol/muc#user'>"
	for _, stanza := range []string{
		"<presence from='coven@chat.shakespeare.example/First'>" + user + "<item affiliation='owner' role='moderator'/></x></presence>",
		"<presence from='coven@chat.shakespeare.example/Juliet'>" + user + "<item affiliation='none' role='participant'/><status code='110'/></x></presence>",
		"<presence from='coven@chat.shakespeare.example/First' type='unavailable'>" + user + "<item role='none'/></x></presence>",
	} {
		e, err := element.Parse([]byte(stanza), element.Limits{})
		if err != nil {
			fmt.Println(err)
			return
		}
		p, err := xmpp.ParsePresence(e, self)
		if err != nil {
			fmt.Println(err)
			return
		}
		changes, err := room.Presence(p)
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, c := range changes {
			switch c.Kind {
			case xmpp.RoomEntered:
				fmt.Println("in, with", room.Len())
			case xmpp.OccupantLeft:
				fmt.Println(c.Occupant.Nick, "left")
			}
		}
	}
	// Output:
	// to coven@chat.shakespeare.example/Juliet
	// in, with 2
	// First left
}
