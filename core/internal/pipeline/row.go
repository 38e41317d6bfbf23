// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"time"

	"github.com/confab-im/confab/storage"
)

// placeLive chooses the sort key of a live message that claims to be from
// after now: it goes to the end, but not beyond now, where it would keep its
// conversation at the top of every list. A time that is believed leaves the
// key to storage, which puts the message at the end too. What a message claims
// is still shown.
func placeLive(tx *storage.Tx, row *storage.Message, now time.Time) error {
	if !row.At.After(now) {
		return nil
	}
	newest, err := tx.MaxKey(row.ConversationID)
	row.SortKey = max(now.UnixMicro(), newest+1)
	return err
}

// archiveRoom is the room that is left below the beginning of a session, in
// microseconds, which are places, for what follows an archived message that
// claims to be from after it.
const archiveRoom = 1_000_000

// Message states, as stored. A higher state is never replaced by a lower one,
// save by a retry that the user asks for.
const (
	StateReceived  uint8 = 0  // incoming
	StateQueued    uint8 = 10 // durable here, not yet known to be at the server
	StateBlocked   uint8 = 15 // needs a decision; Reason says which
	StateSent      uint8 = 20 // the server has it
	StateDelivered uint8 = 30 // a device of the peer has it (XEP-0184)
	StateRead      uint8 = 40 // the peer has displayed it (XEP-0333)
	StateFailed    uint8 = 50 // refused; Reason says why
	StateUnknown   uint8 = 60 // cut off in a way that only a person can resolve (SMS)
)

// Message kinds, as stored.
const (
	KindText       uint8 = 1
	KindUnreadable uint8 = 2 // a placeholder; Reason says why
	KindEvent      uint8 = 4 // something that happened in a room; Reason says what, Extra to whom; stored as one of ours
	KindOTR        uint8 = 3 // of Off-the-Record Messaging: cannot be read, or answered; Reason says what it is
)

// Encryptions, as stored in messages and conversations.
const (
	EncryptionDefault uint8 = 0 // conversations only: what the account's policy says
	EncryptionNone    uint8 = 1
	EncryptionOMEMO   uint8 = 2 // of a message: version 0.3, or not sent yet
	EncryptionOMEMO2  uint8 = 3 // messages only: version 2 (urn:xmpp:omemo:2)
)

// Reasons of messages of the kind KindOTR.
const (
	ReasonOTRQuery = "otr.query" // asks for a session
	ReasonOTRData  = "otr.data"  // a part of one: cannot be read
	ReasonOTRError = "otr.error" // says that one has failed
)

// Outbox row kinds, as stored.
const (
	OutMessage   uint8 = 1 // a message row goes with it
	OutReceipt   uint8 = 2 // final bytes from the start
	OutEmpty     uint8 = 3 // an OMEMO message without content: key exchange answer, heartbeat
	OutReference uint8 = 4 // about another message; until its bytes are final Stanza is an outReference
	OutMark      uint8 = 5 // how far was read; final bytes from the start
)

// Outbox row states, as stored.
const (
	OutQueued  uint8 = 0 // bytes still to be made
	OutReady   uint8 = 1 // bytes final, to be written
	OutWritten uint8 = 2 // handed to the stream StreamID as its StreamCount-th stanza
	OutBlocked uint8 = 3 // waits for a decision
	OutTaken   uint8 = 4 // of a room: counted by the server, not shown by the room yet; final bytes
	// OutUploading waits for the upload of its message's files; without any, for
	// that of the files of the message before it.
	OutUploading uint8 = 5
)

// ReasonUnasked is that of a message that stays queued because nobody could be
// asked for the devices of its recipient, whose server is out of reach perhaps.
// They are asked for again.
const ReasonUnasked = "omemo.devices-unknown"

// Reasons for which a message is blocked, beside the codes of errors.
const (
	ReasonUndecided = "omemo.undecided"           // keys of the peer wait for a decision
	ReasonNoDevices = "omemo.no-devices"          // the peer announces no usable device
	ReasonProfile   = "omemo.unsupported-profile" // written for a version of OMEMO this account does not use
	ReasonNoEngine  = "omemo.no-engine"           // the app configured no session engine
)
