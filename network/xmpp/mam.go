// SPDX-License-Identifier: MPL-2.0

// XEP-0313: Message Archive Management

package xmpp

import (
	"context"
	"fmt"
	"time"

	"mellium.im/xmpp/forward"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
)

// NSMAM is the namespace of message archive management.
const NSMAM = "urn:xmpp:mam:2"

// Sizes of archive pages.
const (
	DefaultPage = 100 // messages asked for when Max is zero
	MaxPage     = 500 // messages accepted at most
)

// Errors of [Client.QueryArchive].
var (
	// ErrNoCursor: the archive does not know the id in After or Before, any
	// more or at all.
	ErrNoCursor error = &codedError{"xmpp.mam.no-cursor", "archive position unknown"}
	// ErrPage: the archive sent more than was asked for.
	ErrPage error = &codedError{"xmpp.mam.page-too-large", "archive page too large"}
)

// An ArchiveQuery asks for a page of an archive, XEP-0313 §4.
type ArchiveQuery struct {
	Archive    jid.JID   // the room whose archive it is; zero for our own
	With       jid.JID   // only messages with this address; zero for all
	Start, End time.Time // only messages in this time; zero for no bound
	// After and Before are archive ids: the page that begins after one, or ends
	// before the other. Last asks for the newest page. At most one of the three
	// is used, in the order After, Before, Last; none asks for the oldest page.
	After, Before string
	Last          bool
	Max           int // messages per page; the server may send fewer
}

// An ArchiveItem is one archived message.
type ArchiveItem struct {
	ID      string    // in the archive: the stanza-id of the message
	Stamp   time.Time // when the archive received it
	Message Message
	Err     error // why Message could not be read; only ID and Stamp are set then
}

// An ArchivePage is one page of an archive, oldest message first.
type ArchivePage struct {
	Items       []ArchiveItem
	First, Last string // archive ids of the ends of the page; empty for an empty page
	Complete    bool   // there is nothing beyond, in the direction of the query
	Count       int    // messages in the whole result, -1 when unknown
}

// QueryArchive fetches one page. The messages of the page never come out of
// Next. Only the archive asked is listened to, and only under the id of this
// query.
//
// Errors: [ErrNoCursor], [ErrPage], [ErrAnswer] and those of
// [stream.Stream.IQ].
func (c *Client) QueryArchive(ctx context.Context, q ArchiveQuery) (ArchivePage, error) {
	if q.Max <= 0 {
		q.Max = DefaultPage
	}
	q.Max = min(q.Max, MaxPage)
	archive := q.Archive.Bare()
	if archive.Equal(jid.JID{}) {
		archive = c.self
	}
	id := NewID()
	results := c.archive.open(id, archive, q.Max)
	defer c.archive.close(id)
	answer, err := c.set(ctx, q.Archive.Bare(), q.element(id))
	if Condition(err) == stanza.ItemNotFound && (q.After != "" || q.Before != "") {
		return ArchivePage{}, fmt.Errorf("query archive: %w: %w", ErrNoCursor, err)
	}
	if err != nil {
		return ArchivePage{}, fmt.Errorf("query archive: %w", err)
	}
	if !answer.Is(NSMAM, "fin") {
		return ArchivePage{}, fmt.Errorf("query archive: %w", ErrAnswer)
	}
	found, ok := results.taken()
	if !ok {
		return ArchivePage{}, fmt.Errorf("query archive: %w", ErrPage)
	}
	set := ParseResultSet(answer)
	page := ArchivePage{First: set.First, Last: set.Last, Count: set.Count, Complete: isTrue(answer.AttrValue("complete"))}
	for _, x := range found {
		page.Items = append(page.Items, parseArchived(x, c.self, archive))
	}
	return page.bounded(), nil
}

// bounded fills in ends that the answer left out.
func (p ArchivePage) bounded() ArchivePage {
	if len(p.Items) > 0 && (p.First == "" || p.Last == "") {
		p.First, p.Last = p.Items[0].ID, p.Items[len(p.Items)-1].ID
	}
	return p
}

func (q ArchiveQuery) element(id string) *element.Element {
	form := Form{Type: "submit", Fields: []Field{hiddenType(NSMAM)}}
	if !q.With.Equal(jid.JID{}) {
		form.Fields = append(form.Fields, Field{Var: "with", Values: []string{q.With.String()}})
	}
	if !q.Start.IsZero() {
		form.Fields = append(form.Fields, Field{Var: "start", Values: []string{formatTime(q.Start)}})
	}
	if !q.End.IsZero() {
		form.Fields = append(form.Fields, Field{Var: "end", Values: []string{formatTime(q.End)}})
	}
	e := element.New(NSMAM, "query").With("queryid", id).Add(form.Element())
	switch {
	case q.After != "":
		return e.Add(pageRequest(q.Max, q.After, nil))
	case q.Before != "" || q.Last:
		return e.Add(pageRequest(q.Max, "", &q.Before))
	}
	return e.Add(pageRequest(q.Max, "", nil))
}

// parseArchived reads a <result/> of an archive that has been checked to come
// from it.
func parseArchived(result *element.Element, self, archive jid.JID) ArchiveItem {
	item := ArchiveItem{ID: result.AttrValue("id")}
	inner, stamp, err := ParseForwarded(result.Child(forward.NS, "forwarded"))
	if err != nil {
		item.Err = fmt.Errorf("parse archived message: %w", err)
		return item
	}
	item.Stamp = stamp
	m, err := parseMessage(inner, self, archive)
	if err != nil {
		item.Err = fmt.Errorf("parse archived message: %w", err)
		return item
	}
	if !archive.Equal(self) && !m.From.Bare().Equal(archive) {
		item.Err = fmt.Errorf("parse archived message: %w: message of another room", ErrForged)
		return item
	}
	if !stamp.IsZero() {
		m.Delay = stamp
	}
	item.Message = m
	return item
}

// isTrue reads an xs:boolean.
func isTrue(s string) bool { return s == "true" || s == "1" }
