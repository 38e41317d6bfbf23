// SPDX-License-Identifier: MPL-2.0

// XEP-0045: Multi-User Chat, asking for a voice

package xmpp

import (
	"context"
	"fmt"

	"mellium.im/xmpp/form"
	"mellium.im/xmpp/jid"
)

const nsVoice = NSMUC + "#request"

// A VoiceRequest is somebody's wish to be heard in a moderated room, which the
// room has passed on to its moderators.
type VoiceRequest struct {
	Room jid.JID
	Nick string
	JID  jid.JID // as the room shows it to moderators
	Role Role    // the one that is asked for
}

// RequestVoice asks the moderators of a room for the right to speak, XEP-0045
// §7.13. When it is given, our role changes. A refusal comes back as a message
// of type error with the id returned.
//
// Errors: those of [stream.Stream.Send].
func (c *Client) RequestVoice(ctx context.Context, room jid.JID) (id string, err error) {
	f := Form{Type: string(form.TypeSubmit), Fields: []Field{
		hiddenType(nsVoice), {Var: "muc#role", Type: string(form.TypeList), Values: []string{string(RoleParticipant)}},
	}}
	if id, err = c.sendToRoom(ctx, room, f.Element()); err != nil {
		return "", fmt.Errorf("request voice: %w", err)
	}
	return id, nil
}

// ParseVoiceRequest reads a wish that a room has passed on, nil when there is
// none. Only the room itself can do so.
func ParseVoiceRequest(m Message) *VoiceRequest {
	if m.Type == "error" || m.Type == "groupchat" || m.Element == nil || !isRoomJID(m.From) || m.From.Resourcepart() != "" {
		return nil
	}
	for f := range forms(m.Element) {
		if f.Type != string(form.TypeForm) || f.Value(formType) != nsVoice {
			continue
		}
		v := &VoiceRequest{Room: m.From, Nick: f.Value("muc#roomnick"), Role: RoleParticipant}
		v.JID, _ = parseJID(f.Value("muc#jid"))
		return v
	}
	return nil
}

// AnswerVoice gives or refuses what was asked for, XEP-0045 §8.6. A role other
// than that of a participant is never given by it.
//
// Errors: those of [stream.Stream.Send].
func (c *Client) AnswerVoice(ctx context.Context, v VoiceRequest, allow bool) error {
	f := Form{Type: string(form.TypeSubmit), Fields: []Field{
		hiddenType(nsVoice),
		{Var: "muc#role", Values: []string{string(RoleParticipant)}},
		{Var: "muc#jid", Values: []string{v.JID.String()}},
		{Var: "muc#roomnick", Values: []string{v.Nick}},
		{Var: "muc#request_allow", Values: []string{map[bool]string{true: "true", false: "false"}[allow]}},
	}}
	if _, err := c.sendToRoom(ctx, v.Room, f.Element()); err != nil {
		return fmt.Errorf("answer voice request: %w", err)
	}
	return nil
}
