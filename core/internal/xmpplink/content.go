// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"strings"

	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/network/xmpp/element"
	"mellium.im/xmpp/jid"
)

// Texts for clients that do not know what a message does.
const (
	// omemoText stands beside an envelope.
	omemoText = "This message is encrypted with OMEMO, which this app does not support."
	// retractText stands in a retraction (XEP-0424 section 4).
	retractText = "This person attempted to retract a previous message, but your app does not support it."
)

// contentOf is what a message says that is not encrypted. With sealed, its text
// is not known yet, and Cuts say what is to be cut from it.
func contentOf(m *xmpp.Message, sealed bool) pipeline.Content {
	c := said(&m.Content, m.Body, m.Marker)
	if sealed {
		c.Body = ""
		return c.Content
	}
	return c.cut()
}

// content is a pipeline.Content with its Cuts still in the text.
type content struct{ pipeline.Content }

// said reads what is in a message, or in an envelope, with a text that has not
// been cut.
func said(x *xmpp.Content, body string, marker *xmpp.Marker) content {
	c := content{pipeline.Content{Body: body, Corrects: x.Corrects, Files: filesOf(x, body)}}
	if r := x.Retracts; r != nil && !r.Moderated { // a moderator's comes from the room, in Moderates
		c.Retracts = r.ID
	}
	if r := x.Reactions; r != nil {
		c.Reacts = &pipeline.Reacts{ID: r.ID, Emojis: r.Emoji}
	}
	if r := x.Reply; r != nil {
		c.Reply = &pipeline.Reply{ID: r.ID, Author: r.To.String()}
	}
	if marker != nil {
		switch marker.Kind {
		case xmpp.Markable:
			c.Markable = true
		case xmpp.Displayed, xmpp.Acknowledged:
			c.Displayed = marker.ID
		}
	}
	for _, f := range x.Fallbacks {
		reply := f.For == xmpp.NSReply && c.Reply != nil
		known := f.For == xmpp.NSReactions || f.For == xmpp.NSRetraction
		if !reply && !known {
			continue
		}
		for _, r := range f.Body {
			c.Cuts = append(c.Cuts, pipeline.Cut{From: r.Start, Upto: r.End, Reply: reply})
		}
	}
	return c
}

// cut takes the Cuts out of the text, which says the rest then.
func (c content) cut() pipeline.Content {
	if len(c.Cuts) > 0 {
		var quote strings.Builder
		var regions []xmpp.Region
		points := []rune(c.Body)
		for _, r := range c.Cuts {
			regions = append(regions, xmpp.Region{Start: r.From, End: r.Upto})
			if upto := r.Upto; r.Reply {
				if r.From == 0 && upto < 0 {
					upto = len(points)
				}
				if 0 <= r.From && r.From < upto && upto <= len(points) && quote.Len() == 0 {
					quote.WriteString(unquoted(string(points[r.From:upto])))
				}
			}
		}
		if c.Reply != nil {
			c.Reply.Quote = quote.String()
		}
		c.Body = xmpp.WithoutFallback(c.Body, []xmpp.Fallback{{Body: regions}}, "").Text
		c.Cuts = nil
	}
	c.shareFiles()
	switch xmpp.ParseOTR(c.Body) {
	case xmpp.OTRQuery:
		c.OTR = pipeline.ReasonOTRQuery
	case xmpp.OTRData:
		c.OTR, c.Body = pipeline.ReasonOTRData, ""
	case xmpp.OTRError:
		c.OTR = pipeline.ReasonOTRError
	case xmpp.OTRTagged:
		c.Body = xmpp.WithoutOTRTag(c.Body)
	}
	return c.Content
}

// unquoted is a quotation in the form of XEP-0393 as plain text.
func unquoted(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		line = strings.TrimPrefix(line, ">")
		b.WriteString(strings.TrimPrefix(line, " "))
	}
	return strings.TrimSpace(b.String())
}

// wire is what a message of ours says in the terms of XMPP, with the text that
// others are shown. An answer begins with what it quotes.
func wire(c *pipeline.Content) (x xmpp.Content, body string, marker *xmpp.Marker) {
	x.Corrects, body = c.Corrects, c.Body
	if c.Reply != nil {
		var fallback xmpp.Fallback
		var quote string
		quote, fallback = xmpp.QuoteReply(c.Reply.Quote)
		x.Reply, body = replyTo(c.Reply.ID, c.Reply.Author), quote+body
		if quote != "" {
			x.Fallbacks = []xmpp.Fallback{fallback}
		}
	}
	if len(c.Files) > 0 {
		body = shareWith(&x, &c.Files[0])
	}
	switch {
	case c.Retracts != "":
		x.Retracts, body = &xmpp.Retraction{ID: c.Retracts}, retractText
		x.Fallbacks = []xmpp.Fallback{{For: xmpp.NSRetraction, Body: []xmpp.Region{xmpp.Whole}}}
	case c.Reacts != nil:
		x.Reactions = &xmpp.Reactions{ID: c.Reacts.ID, Emoji: c.Reacts.Emojis}
	case c.Displayed != "":
		marker = &xmpp.Marker{Kind: xmpp.Displayed, ID: c.Displayed}
	}
	if c.Markable {
		marker = &xmpp.Marker{Kind: xmpp.Markable}
	}
	return x, body, marker
}

// textOnly is what stands for c where nothing but a text is encrypted: to those
// a set of reactions is an answer, which is corrected when the set changes and
// retracted when it is taken back. References stay outside of the encryption.
func textOnly(c *pipeline.Content) *pipeline.Content {
	if c.Reacts == nil {
		return c
	}
	t := pipeline.Content{Corrects: c.Reacts.Stands, Body: strings.Join(c.Reacts.Emojis, " ")}
	if t.Body == "" {
		t.Retracts, t.Corrects = c.Reacts.Stands, ""
		return &t
	}
	t.Reply = &pipeline.Reply{ID: c.Reacts.ID, Author: c.Reacts.Author}
	return &t
}

func replyTo(id, author string) *xmpp.Reply {
	r := xmpp.Reply{ID: id}
	if to, err := jid.Parse(author); err == nil {
		r.To = to
	}
	return &r
}

// sealed are the elements of a message that go into an envelope.
func sealed(c *pipeline.Content) []*element.Element {
	x, body, marker := wire(c)
	m := xmpp.Message{Body: body, Marker: marker, Content: x}
	return m.Build().Children
}
