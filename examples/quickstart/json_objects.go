// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"time"

	"github.com/confab-im/confab/core"
)

// jsonMessage is a message; what it need not have is a pointer or left out.
type jsonMessage struct {
	ID          core.MessageID  `json:"id"`
	Account     string          `json:"account"`
	Peer        string          `json:"peer"`
	Sender      string          `json:"sender"`
	Nick        string          `json:"nick,omitempty"`
	Outgoing    bool            `json:"outgoing"`
	Kind        string          `json:"kind"`
	Body        string          `json:"body"`
	At          time.Time       `json:"at"`
	State       string          `json:"state"`
	Encryption  string          `json:"encryption"`
	Trust       string          `json:"trust"`
	Fingerprint string          `json:"fingerprint,omitempty"`
	Reason      string          `json:"reason,omitempty"`
	Cursor      core.Cursor     `json:"cursor"`
	Reply       *jsonReply      `json:"reply,omitempty"`
	Edited      *time.Time      `json:"edited,omitempty"`
	Retracted   *jsonRetraction `json:"retracted,omitempty"`
	Reactions   []jsonReaction  `json:"reactions,omitempty"`
	Files       int             `json:"files,omitempty"`
	Notice      *jsonNotice     `json:"notice,omitempty"`
	Mentioned   bool            `json:"mentioned,omitempty"`
	AfterGap    bool            `json:"after_gap,omitempty"`
}

type jsonReply struct {
	Message core.MessageID `json:"message"`
	Author  string         `json:"author"`
	Quote   string         `json:"quote"`
}

type jsonRetraction struct {
	At       time.Time `json:"at"`
	By       string    `json:"by"`
	Reason   string    `json:"reason"`
	Unproven bool      `json:"unproven"`
}

type jsonReaction struct {
	Emoji string   `json:"emoji"`
	By    []string `json:"by"`
	Own   bool     `json:"own"`
}

type jsonNotice struct {
	Code   string `json:"code"`
	Who    string `json:"who"`
	By     string `json:"by"`
	Reason string `json:"reason"`
	Text   string `json:"text"`
}

type jsonFile struct {
	ID        core.AttachmentID `json:"id"`
	Message   core.MessageID    `json:"message"`
	State     string            `json:"state"`
	Reason    string            `json:"reason,omitempty"`
	Name      string            `json:"name"`
	MediaType string            `json:"media_type"`
	Size      int64             `json:"size"`
	Width     int               `json:"width,omitempty"`
	Height    int               `json:"height,omitempty"`
	Seconds   float64           `json:"seconds,omitempty"`
	Encrypted bool              `json:"encrypted"`
}

type jsonEdit struct {
	At   time.Time `json:"at"`
	Body string    `json:"body"`
}

type jsonReader struct {
	Person string      `json:"person"`
	Nick   string      `json:"nick,omitempty"`
	Cursor core.Cursor `json:"cursor"`
	At     time.Time   `json:"at"`
}

type jsonConversation struct {
	Account string `json:"account"`
	Peer    string `json:"peer"`
	Unread  int    `json:"unread"`
	Preview string `json:"preview"`
	Request bool   `json:"request,omitempty"`
}

type jsonAccount struct {
	Account string `json:"account"`
	State   string `json:"state"`
	Code    string `json:"code,omitempty"`
}

type jsonDevice struct {
	ID          uint32 `json:"id"`
	Fingerprint string `json:"fingerprint"`
	Trust       string `json:"trust"`
	Active      bool   `json:"active"`
	Label       string `json:"label,omitempty"`
	Idle        bool   `json:"idle,omitempty"`
}

type jsonKey struct {
	ID          uint32 `json:"id"`
	Fingerprint string `json:"fingerprint"`
	Outcome     string `json:"outcome"`
}

type jsonProfile struct {
	JID    string `json:"jid"`
	Nick   string `json:"nick"`
	Avatar string `json:"avatar"`
}

type jsonPush struct {
	Service string `json:"service"`
	Enabled bool   `json:"enabled"`
	Code    string `json:"code,omitempty"`
}

type jsonLink struct {
	URI          string     `json:"uri,omitempty"`
	LandingPage  string     `json:"landing_page,omitempty"`
	Expires      *time.Time `json:"expires,omitempty"`
	OpensAccount bool       `json:"opens_account"`
	Action       string     `json:"action,omitempty"`
	Peer         string     `json:"peer,omitempty"`
	Name         string     `json:"name,omitempty"`
	Body         string     `json:"body,omitempty"`
}

type jsonServer struct {
	Features  []jsonFeature       `json:"features"`
	MaxUpload int64               `json:"max_upload"`
	Contacts  map[string][]string `json:"contacts"`
	Relays    []string            `json:"relays"`
}

type jsonFeature struct {
	XEP     string `json:"xep"`
	Name    string `json:"name"`
	Offered bool   `json:"offered"`
}

type jsonRoom struct {
	Peer        string `json:"peer"`
	Name        string `json:"name"`
	Subject     string `json:"subject,omitempty"`
	Nick        string `json:"nick,omitempty"`
	Wanted      bool   `json:"wanted"`
	Joined      bool   `json:"joined"`
	Affiliation string `json:"affiliation,omitempty"`
	Role        string `json:"role,omitempty"`
	Encryptable bool   `json:"encryptable"`
	Reason      string `json:"reason,omitempty"`
}

// jsonMember is somebody who belongs to a room or is in it.
type jsonMember struct {
	JID         string `json:"jid,omitempty"`
	Nick        string `json:"nick,omitempty"`
	Affiliation string `json:"affiliation"`
	Role        string `json:"role,omitempty"`
	Self        bool   `json:"self,omitempty"`
}

type jsonInvitation struct {
	Peer   string    `json:"peer"`
	From   string    `json:"from"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

func (n *names) message(ctx context.Context, m core.Message) jsonMessage {
	out := jsonMessage{
		ID: m.ID, Account: n.account(m.Account), Peer: n.peer(ctx, m.Conversation), Sender: m.Sender, Nick: m.Nick, Outgoing: m.Outgoing,
		Kind: m.Kind.String(), Body: m.Body, At: m.At.UTC(), State: m.State.String(), Encryption: m.Encryption.String(),
		Trust: m.Trust.String(), Fingerprint: m.Fingerprint, Reason: m.Reason, Cursor: m.Cursor, Files: m.Files,
		Mentioned: m.Mentioned, AfterGap: m.AfterGap,
	}
	if r := m.Reply; r != nil {
		out.Reply = &jsonReply{r.Message, r.Author, r.Quote}
	}
	if !m.Edited.IsZero() {
		out.Edited = new(m.Edited.UTC())
	}
	if r := m.Retracted; r != nil {
		out.Retracted = &jsonRetraction{r.At.UTC(), r.By, r.Reason, r.Unproven}
	}
	for _, r := range m.Reactions {
		j := jsonReaction{Emoji: r.Emoji, Own: r.Own}
		for _, by := range r.By {
			j.By = append(j.By, by.Person)
		}
		out.Reactions = append(out.Reactions, j)
	}
	if r := m.Notice; r != nil {
		out.Notice = &jsonNotice{r.Code, r.Who, r.By, r.Reason, r.Text}
	}
	return out
}

func deviceOf(v core.Device) jsonDevice {
	return jsonDevice{v.ID, v.Fingerprint, v.Trust.String(), v.Active, v.Label, v.Idle}
}

func devicesOf(list []core.Device) (out []jsonDevice) {
	for _, v := range list {
		out = append(out, deviceOf(v))
	}
	return out
}

func fileOf(a core.Attachment) jsonFile {
	return jsonFile{
		a.ID, a.Message, a.State.String(), a.Reason, a.Name, a.MediaType, a.Size, a.Width, a.Height, a.Duration.Seconds(), a.Encrypted,
	}
}

func roomOf(i core.RoomInfo) jsonRoom {
	return jsonRoom{i.Address, i.Name, i.Subject, i.Nick, i.Wanted, i.Joined, i.Affiliation.String(), i.Role.String(), i.Encryptable, i.Reason}
}
