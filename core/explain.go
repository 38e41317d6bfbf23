// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"strings"

	"github.com/confab-im/confab/crypto/omemo"
)

// Problem is why an encrypted message cannot be read. It sums up the code in
// Message.Reason, of which there may come more.
type Problem uint8

// The problems.
const (
	NoProblem           Problem = iota // the message can be read
	ProblemOther                       // something else: see the code
	ProblemNoEngine                    // the app was built without encryption
	ProblemVersion                     // written for a version of OMEMO that is not known here
	ProblemNotForDevice                // not encrypted to this device: its sender did not know it
	ProblemSession                     // there is no session with the sending device that fits
	ProblemKeyChanged                  // the sending device came with another key, which was refused
	ProblemCompromised                 // somebody has decided that the sending device's key is in wrong hands
	ProblemTampered                    // not as it was sent, or sent by somebody else, or put somewhere else
	ProblemMalformed                   // not a well-formed message: an app is at fault
)

var problems = map[Problem]string{
	NoProblem: "none", ProblemOther: "other", ProblemNoEngine: "no-engine", ProblemVersion: "version",
	ProblemNotForDevice: "not-for-device", ProblemSession: "session", ProblemKeyChanged: "key-changed",
	ProblemCompromised: "compromised", ProblemTampered: "tampered", ProblemMalformed: "malformed",
}

// String returns the problem's stable name.
func (p Problem) String() string { return name(problems, p) }

// problemOf maps codes, or their beginnings up to a dot, to problems.
var problemOf = map[string]Problem{
	"omemo.no-engine":                   ProblemNoEngine,
	"omemo.unsupported-profile":         ProblemVersion,
	omemo.ReasonNotForThisDevice.Code(): ProblemNotForDevice,
	omemo.ReasonNoSession.Code():        ProblemSession,
	omemo.ReasonBadMAC.Code():           ProblemSession,
	omemo.ReasonTooFarAhead.Code():      ProblemSession,
	omemo.ReasonPreKeyGone.Code():       ProblemSession,
	omemo.ReasonEngine.Code():           ProblemSession,
	omemo.ReasonIdentityChanged.Code():  ProblemKeyChanged,
	omemo.ReasonRefused.Code():          ProblemCompromised,
	"omemo.refused":                     ProblemCompromised,
	omemo.ReasonBadPayload.Code():       ProblemTampered,
	"xmpp.sce":                          ProblemTampered,
	omemo.ReasonMalformed.Code():        ProblemMalformed,
	"xmpp.stanza.malformed":             ProblemMalformed,
	"xmpp.stanza.forged":                ProblemTampered,
}

// Problem says why the message cannot be read; NoProblem if it can.
func (m Message) Problem() Problem {
	if m.Kind != Unreadable {
		return NoProblem
	}
	for code := m.Reason; code != ""; {
		if p, ok := problemOf[code]; ok {
			return p
		}
		i := strings.LastIndexByte(code, '.')
		code = code[:max(i, 0)]
	}
	return ProblemOther
}

// Remedy is something that may help against a Problem.
type Remedy uint8

// The remedies.
const (
	AskToResend      Remedy = iota + 1 // ask the sender to send it again
	RepairTheSession                   // Account.RepairSession, so that the next message can be read
	AcceptTheKey                       // compare the new key, then Account.AcceptKey
	ReviewTrust                        // look at what was decided about the device: Account.SetTrust
	UseOtherDevice                     // read it on another device of the account
	UpdateTheApp                       // a newer version of the app may be able to
)

var remedies = map[Remedy]string{
	AskToResend: "ask-to-resend", RepairTheSession: "repair-session", AcceptTheKey: "accept-key",
	ReviewTrust: "review-trust", UseOtherDevice: "other-device", UpdateTheApp: "update-app",
}

// String returns the remedy's stable name.
func (r Remedy) String() string { return name(remedies, r) }

// Explanation is why a message cannot be read and what may help.
type Explanation struct {
	Message  MessageID
	Problem  Problem
	Code     string   // Message.Reason
	Remedies []Remedy // the most promising first, and only what is possible now
	Sender   string   // bare JID
	Device   Device   // of the sender, as it is known now; zero if it is not
}

// ExplainUnreadable says why a message cannot be read and what may help. For
// one that can be read there is NoProblem. The error is ErrNoMessage, or
// storage's.
func (c *Client) ExplainUnreadable(ctx context.Context, id MessageID) (Explanation, error) {
	m, err := c.Message(ctx, id)
	if err != nil {
		return Explanation{}, err
	}
	e := Explanation{Message: id, Problem: m.Problem(), Code: m.Reason, Sender: m.Sender}
	if e.Problem == NoProblem {
		e.Code = ""
		return e, nil
	}
	a, err := c.Account(m.Account)
	if err != nil {
		return Explanation{}, err
	}
	var others []Device
	if a.pipe.OMEMO != nil {
		devices, err := a.Devices(ctx, m.Sender)
		if err != nil {
			return Explanation{}, err
		}
		for _, d := range devices {
			if d.ID == m.Device {
				e.Device = d
			}
		}
		if others, err = a.Devices(ctx, a.jid); err != nil {
			return Explanation{}, err
		}
	}
	e.Remedies = remediesFor(e, m.Outgoing, others)
	return e, nil
}

// remediesFor chooses what is possible among what helps.
func remediesFor(e Explanation, outgoing bool, own []Device) (list []Remedy) {
	another := false // device that may have it
	for _, d := range own {
		another = another || d.Active && d.State() != DeviceCompromised
	}
	can := map[Remedy]bool{
		AskToResend:      !outgoing,
		RepairTheSession: e.Device.Active && (e.Device.State() == DeviceBlind || e.Device.State() == DeviceVerified),
		AcceptTheKey:     e.Device.NewFingerprint != "",
		ReviewTrust:      e.Device.State() == DeviceCompromised,
		UseOtherDevice:   another, UpdateTheApp: true,
	}
	for _, r := range remediesOf[e.Problem] {
		if can[r] {
			list = append(list, r)
		}
	}
	return list
}

var remediesOf = map[Problem][]Remedy{
	ProblemOther:        {AskToResend, UseOtherDevice, UpdateTheApp},
	ProblemNoEngine:     {UpdateTheApp, UseOtherDevice},
	ProblemVersion:      {UpdateTheApp, UseOtherDevice},
	ProblemNotForDevice: {UseOtherDevice, AskToResend},
	ProblemSession:      {RepairTheSession, AskToResend, UseOtherDevice},
	ProblemKeyChanged:   {AcceptTheKey, RepairTheSession, AskToResend, UseOtherDevice},
	ProblemCompromised:  {ReviewTrust, AskToResend},
	ProblemTampered:     {AskToResend, UseOtherDevice},
	ProblemMalformed:    {AskToResend, UpdateTheApp, UseOtherDevice},
}
