// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/confab-im/confab/crypto/omemo"
)

// Content is what a message says, in no protocol's terms. Ids name messages as
// their authors did, save in rooms, where Retracts, Reacts, Reply, Displayed and
// Moderates use the ids of the room's archive.
type Content struct {
	Body      string      `json:"body,omitempty"`
	Corrects  string      `json:"corrects,omitempty"`  // id of the author's message that this text replaces
	Retracts  string      `json:"retracts,omitempty"`  // id of the author's message to take back
	Moderates *Moderation `json:"moderates,omitempty"` // a room's word that a message is taken back
	Reacts    *Reacts     `json:"reacts,omitempty"`
	Reply     *Reply      `json:"reply,omitempty"`
	Files     []File      `json:"files,omitempty"`
	Displayed string      `json:"displayed,omitempty"` // id of the message up to which the sender has read
	Markable  bool        `json:"markable,omitempty"`  // the sender would like to know that it was read
	Subject   *string     `json:"subject,omitempty"`   // a room's new subject
	// OTR is the code of what a message of Off-the-Record Messaging is: it is
	// shown as such and never answered. Empty for every other message.
	OTR string `json:"otr,omitempty"`
	// Cuts are the parts of the text that say the rest of Content again, for
	// those that do not know it. They are set beside Envelopes only, whose text
	// is not known yet; of a text that is, they have been cut off.
	Cuts []Cut `json:"-"`
}

// Moderation says that a moderator of a room took a message back (XEP-0425).
type Moderation struct {
	ID     string `json:"id"` // in the room's archive
	By     string `json:"by,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// Reacts is all that one person shows under a message: it takes the place of
// what they showed before (XEP-0444).
type Reacts struct {
	ID     string   `json:"id"`
	Emojis []string `json:"emojis,omitempty"` // none: all are taken back
	Author string   `json:"author,omitempty"` // of the message; of ours to send only
	// Stands is the id of the answer that stands for what was shown before, to
	// those whom no reactions can be sent. Of ours to send only.
	Stands string `json:"stands,omitempty"`
}

// Reply says which message is answered (XEP-0461).
type Reply struct {
	ID     string `json:"id"`
	Author string `json:"author,omitempty"` // as the sender says
	Quote  string `json:"quote,omitempty"`  // what the sender quotes of it, as plain text
}

// File is a file that a message shares.
type File struct {
	URL           string        `json:"url"`              // without a fragment
	Secret        []byte        `json:"secret,omitempty"` // IV and key of what lies there; empty: it is not encrypted
	Name          string        `json:"name,omitempty"`
	MediaType     string        `json:"type,omitempty"`
	Size          int64         `json:"size,omitempty"` // bytes; 0 when unknown
	Width         int           `json:"width,omitempty"`
	Height        int           `json:"height,omitempty"`
	Duration      time.Duration `json:"duration,omitempty"`
	Hash          []byte        `json:"hash,omitempty"` // SHA-256 of the file
	Thumbnail     []byte        `json:"thumbnail,omitempty"`
	ThumbnailType string        `json:"thumbnailType,omitempty"`
}

// Cut is a part of a text, counted in code points, from From up to and without
// Upto; a negative Upto is the end.
type Cut struct {
	From, Upto int
	Reply      bool // it quotes the message that is answered
}

// Shown says whether the message has something of its own to show in a
// timeline. A correction, retraction or reaction has not, whatever text it
// carries for others; one that says how far its sender has read may.
func (c *Content) Shown() bool {
	if c.Corrects != "" || c.Retracts != "" || c.Moderates != nil || c.Reacts != nil {
		return false
	}
	return c.Body != "" || len(c.Files) > 0 || c.OTR != ""
}

// Says reports whether the message says anything at all that is to be stored.
func (c *Content) Says() bool { return c.Shown() || c.refers() || c.Subject != nil }

// refers says whether the message is about another one.
func (c *Content) refers() bool {
	return c.Corrects != "" || c.Retracts != "" || c.Moderates != nil || c.Reacts != nil || c.Displayed != ""
}

// canonical is what a message says as one text, the same for the same content.
// That of a text alone is the text.
func (c *Content) canonical() string {
	// How an answer quotes may be read in several ways.
	rest := Content{
		Corrects: c.Corrects, Retracts: c.Retracts, Moderates: c.Moderates, Displayed: c.Displayed, Subject: c.Subject,
	}
	if c.Reacts != nil {
		rest.Reacts = &Reacts{ID: c.Reacts.ID, Emojis: c.Reacts.Emojis}
	}
	for _, f := range c.Files {
		rest.Files = append(rest.Files, File{URL: f.URL})
	}
	b, err := json.Marshal(rest)
	if err != nil || string(b) == "{}" {
		return c.Body
	}
	return c.Body + "\x00" + string(b)
}

// Format keeps what is said out of whatever is printed.
func (c Content) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "content of %d bytes", len(c.Body)) }

// Stanza is a message to be built.
type Stanza struct {
	To        string
	Type      string // "chat" if empty, or "groupchat"
	ID        string // becomes the origin-id too
	Content   Content
	Envelopes []omemo.Envelope // that say the same to different devices; none: plain text

	private bool // To is an occupant of a room
}
