// SPDX-License-Identifier: MPL-2.0

// XEP-0045: Multi-User Chat, what rooms refuse

package xmpp

import (
	"fmt"
	"maps"
	"net/url"
	"strings"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
)

// What a room, or the service it is on, refuses something with. The words of
// the room are in the [*RoomError] or [*stream.IQError] that comes along.
var (
	// ErrRoomPassword: the room needs a password, or another one.
	ErrRoomPassword error = &codedError{"xmpp.room.password", "room needs a password"}
	// ErrRoomBanned: we are banned from the room.
	ErrRoomBanned error = &codedError{"xmpp.room.banned", "banned from the room"}
	// ErrRoomMembersOnly: only members may join, and we are none. Prosody says
	// so, too, to whom it has banned from such a room.
	ErrRoomMembersOnly error = &codedError{"xmpp.room.members-only", "room is for members only"}
	// ErrRoomNickTaken: somebody else has the nick, or has reserved it.
	ErrRoomNickTaken error = &codedError{"xmpp.room.nick-taken", "nick taken"}
	// ErrRoomNick: the nick cannot be one, or the room does not allow it: many
	// servers know no emoji.
	ErrRoomNick error = &codedError{"xmpp.room.nick", "nick not allowed"}
	// ErrRoomFull: as many occupants are in the room as it takes, or we are in
	// as many rooms as the service lets us.
	ErrRoomFull error = &codedError{"xmpp.room.full", "room is full"}
	// ErrRoomNotFound: there is no such room, or its owner is still making it.
	ErrRoomNotFound error = &codedError{"xmpp.room.not-found", "no such room"}
	// ErrRoomDestroyed: the room is no more; see Alternate of [*RoomError].
	ErrRoomDestroyed error = &codedError{"xmpp.room.destroyed", "room destroyed"}
	// ErrRoomCreation: the service does not let us make a room.
	ErrRoomCreation error = &codedError{"xmpp.room.creation", "room cannot be created"}
	// ErrRoomService: the service of the room cannot be reached.
	ErrRoomService error = &codedError{"xmpp.room.service-down", "service of the room not reachable"}
	// ErrRoomLater: too much was asked of the service for now.
	ErrRoomLater error = &codedError{"xmpp.room.later", "refused by the room for now"}
	// ErrRoomForbidden: our affiliation or role does not allow it; in a
	// moderated room, visitors may not speak.
	ErrRoomForbidden error = &codedError{"xmpp.room.forbidden", "not allowed in the room"}
	// ErrRoomNotJoined: only who is in the room may do that, and we are not, any
	// more; or the occupant it is about is not.
	ErrRoomNotJoined error = &codedError{"xmpp.room.not-joined", "not in the room"}
	// ErrRoomConfig: the room cannot be configured as it must be.
	ErrRoomConfig error = &codedError{"xmpp.room.config", "room cannot be configured"}
	// ErrRoomRefused: the room refused for a reason of its own.
	ErrRoomRefused error = &codedError{"xmpp.room.refused", "refused by the room"}
	// ErrNotRoom: the entity is no room.
	ErrNotRoom error = &codedError{"xmpp.room.no-room", "not a room"}
)

// A RoomError is what a room answered to a presence or a message. errors.Is
// finds the sentinel that Kind is, errors.As a stanza.Error.
type RoomError struct {
	Kind   error // one of the sentinels above
	Reason stanza.Error
	// Alternate is where a destroyed room has moved to; zero when it has not.
	Alternate jid.JID
}

// Error names the kind, not the words of the room.
func (e *RoomError) Error() string { return e.Kind.Error() }

// Unwrap returns the kind and the stanza.Error.
func (e *RoomError) Unwrap() []error { return []error{e.Kind, e.Reason} }

// Code is that of the kind.
func (e *RoomError) Code() string {
	if c, ok := e.Kind.(interface{ Code() string }); ok {
		return c.Code()
	}
	return ErrRoomRefused.(*codedError).code
}

// joinRefusals are the meanings of conditions in answers to a join, XEP-0045
// §7.2 and §15.7.
var joinRefusals = map[stanza.Condition]error{
	stanza.NotAuthorized:        ErrRoomPassword,
	stanza.Forbidden:            ErrRoomBanned,
	stanza.RegistrationRequired: ErrRoomMembersOnly,
	stanza.Conflict:             ErrRoomNickTaken,
	stanza.NotAcceptable:        ErrRoomNick,
	stanza.JIDMalformed:         ErrRoomNick,
	stanza.BadRequest:           ErrRoomNick, // ejabberd, of what it takes for no address
	stanza.ServiceUnavailable:   ErrRoomFull,
	stanza.ResourceConstraint:   ErrRoomFull, // ejabberd
	stanza.ItemNotFound:         ErrRoomNotFound,
	stanza.NotAllowed:           ErrRoomCreation,
}

// requestRefusals are those in answers to messages and requests.
var requestRefusals = map[stanza.Condition]error{
	stanza.NotAuthorized:        ErrRoomForbidden,
	stanza.Forbidden:            ErrRoomForbidden,
	stanza.NotAllowed:           ErrRoomForbidden,
	stanza.RegistrationRequired: ErrRoomForbidden,
	stanza.NotAcceptable:        ErrRoomNotJoined,
	stanza.ItemNotFound:         ErrRoomNotFound,
}

// Some conditions mean something else in answers to certain requests.
var (
	ownerRefusals = meaning(requestRefusals, map[stanza.Condition]error{
		stanza.Conflict:      ErrRoomForbidden, // the last owner stays
		stanza.NotAcceptable: ErrRoomConfig,
		stanza.BadRequest:    ErrRoomConfig,
	})
	roleRefusals = meaning(requestRefusals, map[stanza.Condition]error{
		stanza.ItemNotFound: ErrRoomNotJoined,
	})
	registerRefusals = meaning(requestRefusals, map[stanza.Condition]error{
		stanza.Conflict: ErrRoomNickTaken, stanza.NotAcceptable: ErrRoomNick, stanza.BadRequest: ErrRoomNick,
		stanza.RegistrationRequired: ErrRoomMembersOnly,
	})
)

func meaning(most, some map[stanza.Condition]error) map[stanza.Condition]error {
	all := maps.Clone(most)
	maps.Copy(all, some)
	return all
}

// refusals are those in answers to anything.
var refusals = map[stanza.Condition]error{
	stanza.Gone:                 ErrRoomDestroyed,
	stanza.RemoteServerNotFound: ErrRoomService,
	stanza.RemoteServerTimeout:  ErrRoomService,
	stanza.RecipientUnavailable: ErrRoomService,
	stanza.InternalServerError:  ErrRoomService,
	stanza.ResourceConstraint:   ErrRoomLater,
	stanza.PolicyViolation:      ErrRoomLater,
}

func refusalKind(c stanza.Condition, by map[stanza.Condition]error) error {
	if kind := by[c]; kind != nil {
		return kind
	}
	if kind := refusals[c]; kind != nil {
		return kind
	}
	return ErrRoomRefused
}

// roomRefusal says what the answer to a request means, as an error that wraps
// err. What is no refusal stays what it is.
func roomRefusal(err error, by map[stanza.Condition]error) error {
	c := Condition(err)
	if c == "" {
		return err
	}
	return fmt.Errorf("%w: %w", refusalKind(c, by), err)
}

// roomErrorOf says what a presence or message of type error means.
func roomErrorOf(e *element.Element, by map[stanza.Condition]error) *RoomError {
	reason := parseError(e)
	if reason == nil {
		reason = &stanza.Error{Condition: stanza.UndefinedCondition}
	}
	re := &RoomError{Kind: refusalKind(reason.Condition, by), Reason: *reason}
	if reason.Condition == stanza.Gone {
		uri := e.Child(element.NSClient, "error").ChildText(nsStanzas, string(stanza.Gone))
		uri, _, _ = strings.Cut(strings.TrimPrefix(strings.TrimSpace(uri), "xmpp:"), "?")
		if plain, err := url.PathUnescape(uri); err == nil {
			re.Alternate, _ = parseRoomJID(plain)
		}
	}
	return re
}

// RoomMessageError returns why a message to a room was not taken: m is the
// answer, of type error. It is nil for any other message.
//
// Errors: a [*RoomError]; [ErrRoomNotJoined] means that joining again is in
// order, [ErrRoomForbidden] that we have no voice.
func RoomMessageError(m Message) error {
	if m.Type != "error" || m.Element == nil {
		return nil
	}
	return roomErrorOf(m.Element, requestRefusals)
}
