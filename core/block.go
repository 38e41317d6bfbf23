// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"fmt"

	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/core/internal/xmpplink"
	"github.com/confab-im/confab/storage"
	"mellium.im/xmpp/jid"
)

// ReportReason says why somebody is reported (XEP-0377 section 4).
type ReportReason uint8

// The reasons of a report.
const (
	ReportSpam  ReportReason = iota + 1 // unwanted messages
	ReportAbuse                         // anything else
)

var reportReasons = map[ReportReason]string{ReportSpam: "spam", ReportAbuse: "abuse"}

// String returns the reason's stable name.
func (r ReportReason) String() string { return name(reportReasons, r) }

// AbuseReport tells the own server's operators why somebody is blocked
// (XEP-0377). They learn which messages are meant, and not what these say if
// they are encrypted.
type AbuseReport struct {
	Reason   ReportReason // 0 means ReportSpam
	Text     string       // a person's own words
	Messages []MessageID  // received ones that show it
}

// maxReported bounds the messages of a report and maxReport its text in bytes.
const (
	maxReported = 100
	maxReport   = 4096
)

// Blocked returns the addresses that are blocked (XEP-0191), in order.
func (a *Account) Blocked(ctx context.Context) (list []string, err error) {
	err = a.client.db.View(ctx, func(r *storage.Reader) (err error) {
		list, err = r.Blocked(a.id)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list blocked addresses: %w", err)
	}
	return list, nil
}

// IsBlocked says whether an address is blocked, be it with its whole domain.
//
// Errors: ErrBadAddress.
func (a *Account) IsBlocked(ctx context.Context, address string) (blocked bool, err error) {
	j, err := jid.Parse(address)
	if err != nil {
		return false, ErrBadAddress
	}
	err = a.client.db.View(ctx, func(r *storage.Reader) (err error) {
		blocked, err = pipeline.Blocked(r, a.id, j.String())
		return err
	})
	if err != nil {
		return false, fmt.Errorf("look for blocked address: %w", err)
	}
	return blocked, nil
}

// Block lets nothing through from an address any more, on all devices of the
// account (XEP-0191): a person by the bare JID, somebody in a room by the
// room's address with the nick, or a whole domain. The conversation stays. A
// report may go along; servers that take none get none. Of a server without
// blocking nothing can be asked: then this device ignores what comes.
//
// Errors: ErrBadAddress, ErrSignedOut, ErrReportTooLong, ErrNoMessage; the
// network's.
func (a *Account) Block(ctx context.Context, address string, report *AbuseReport) error {
	j, err := jid.Parse(address)
	if err != nil || j.Bare().String() == a.jid {
		return ErrBadAddress
	}
	r, err := a.report(ctx, report)
	if err != nil {
		return err
	}
	l, err := a.online()
	if err != nil {
		return err
	}
	if err := l.Block(ctx, j.String(), r); err != nil {
		return failed("block address", err)
	}
	return nil
}

func (a *Account) report(ctx context.Context, report *AbuseReport) (*xmpplink.Report, error) {
	if report == nil {
		return nil, nil
	}
	if len(report.Text) > maxReport || len(report.Messages) > maxReported {
		return nil, ErrReportTooLong
	}
	r := xmpplink.Report{Spam: report.Reason != ReportAbuse, Text: report.Text}
	err := a.client.db.View(ctx, func(tx *storage.Reader) error {
		for _, id := range report.Messages {
			m, err := tx.Message(id)
			if err != nil {
				return err
			}
			if m.AccountID != a.id || m.Outgoing {
				return storage.ErrNotFound
			}
			if m.ArchiveID != "" {
				r.Messages = append(r.Messages, m.ArchiveID)
			}
		}
		return nil
	})
	if err != nil {
		return nil, notFound(err, ErrNoMessage, "report messages")
	}
	return &r, nil
}

// Unblock takes addresses off the list, as they are on it.
//
// Errors: ErrBadAddress, ErrSignedOut; the network's.
func (a *Account) Unblock(ctx context.Context, addresses ...string) error {
	list := make([]string, len(addresses))
	for i, address := range addresses {
		j, err := jid.Parse(address)
		if err != nil {
			return ErrBadAddress
		}
		list[i] = j.String()
	}
	if len(list) == 0 {
		return nil
	}
	l, err := a.online()
	if err != nil {
		return err
	}
	if err := l.Unblock(ctx, list...); err != nil {
		return failed("unblock", err)
	}
	return nil
}
