// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"context"
	"encoding/json"

	"github.com/confab-im/confab/core/internal/code"
	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/storage"
	"mellium.im/xmpp/jid"
)

// valuePush holds the Push of an account, as JSON.
const valuePush = "push"

// Push is how an account's device is woken (XEP-0357).
type Push struct {
	Service string            `json:"service"` // JID
	Node    string            `json:"node"`
	Options map[string]string `json:"options,omitempty"`
	// Enabled: the server has taken it in this session or the last; else Code
	// says why not, if it was asked.
	Enabled bool   `json:"enabled"`
	Code    string `json:"code,omitempty"`
}

func (p Push) service() (xmpp.PushService, error) {
	address, err := jid.Parse(p.Service)
	return xmpp.PushService{JID: address, Node: p.Node, Options: p.Options}, err
}

// The codes of Push.Code beside those of refusals.
const (
	pushUnsupported = "core.push-unsupported"
	pushGone        = "core.push-gone"
)

type pushError struct{ code string }

func (e pushError) Error() string { return "server has no push notifications" }

// Code returns the stable code.
func (e pushError) Code() string { return e.code }

// ReadPush returns how an account's device is woken, if that was set.
func ReadPush(ctx context.Context, a *pipeline.Account) (p Push, ok bool, err error) {
	err = a.DB.View(ctx, func(r *storage.Reader) (err error) {
		p, ok, err = readPush(r, a.ID)
		return err
	})
	return p, ok, err
}

func readPush(r *storage.Reader, account int64) (p Push, ok bool, err error) {
	text, ok, err := r.Value(account, valuePush)
	if err != nil || !ok {
		return p, false, err
	}
	return p, true, json.Unmarshal(text, &p)
}

// WritePush keeps how an account's device is woken; without a service it is not.
func WritePush(tx *storage.Tx, account int64, p Push) error {
	if p.Service == "" {
		return tx.DeleteValue(account, valuePush)
	}
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return tx.PutValue(account, valuePush, text)
}

// renewPush asks the server to wake this device, as a new session has to.
func (l *Link) renewPush(ctx context.Context) {
	err := l.retry(ctx, func() error { return l.EnablePush(ctx) })
	if err != nil && ctx.Err() == nil {
		l.log.Info("push not enabled", "code", code.Of(err))
	}
}

// EnablePush asks the server to wake this device if that is wanted, and keeps
// what came of it.
func (l *Link) EnablePush(ctx context.Context) error {
	p, ok, err := ReadPush(ctx, l.account)
	if err != nil || !ok {
		return err
	}
	if err := l.await(ctx); err != nil {
		return err
	}
	if err = l.askPush(ctx, p); err != nil && (temporary(err) || ctx.Err() != nil) {
		return err // nothing is known
	}
	kept := l.notePush(ctx, p, code.Of(err))
	if err == nil {
		err = kept
	}
	return err
}

func (l *Link) askPush(ctx context.Context, p Push) error {
	service, err := p.service()
	if err != nil {
		return err
	}
	info, err := l.client.FetchInfo(ctx, jid.JID{}, "")
	if err != nil {
		return err
	}
	if !info.Has(xmpp.NSPush) {
		// Some announce it of the server only.
		if info, err = l.client.FetchServerInfo(ctx); err != nil {
			return err
		}
	}
	if !info.Has(xmpp.NSPush) {
		return pushError{pushUnsupported}
	}
	return l.client.EnablePush(ctx, service)
}

// notePush keeps what became of the wish, if it still is the wish.
func (l *Link) notePush(ctx context.Context, p Push, reason string) error {
	return l.change(ctx, func(tx *storage.Tx, emit func(event.Event)) error {
		now, ok, err := readPush(tx.Reader, l.account.ID)
		if err != nil || !ok || now.Service != p.Service || now.Node != p.Node {
			return err
		}
		if now.Enabled == (reason == "") && now.Code == reason {
			return nil
		}
		now.Enabled, now.Code = reason == "", reason
		emit(event.Event{Kind: event.PushChanged, Code: reason})
		return WritePush(tx, l.account.ID, now)
	})
}

// DisablePush has the server wake this device no more.
func (l *Link) DisablePush(ctx context.Context, p Push) error {
	service, err := p.service()
	if err != nil {
		return err
	}
	if err := l.await(ctx); err != nil {
		return err
	}
	return l.client.DisablePush(ctx, service.JID, service.Node)
}

// pushGone takes in the word of a push service that it wakes this device no
// more, and says whether the message was that.
func (l *Link) pushGone(b *batch, message *element.Element) bool {
	from, err := jid.Parse(message.AttrValue("from"))
	if err != nil || from.Localpart() != "" {
		return false
	}
	node, gone, err := xmpp.PushAffiliation(message, from)
	if err != nil {
		return false
	}
	b.apply(func(tx *storage.Tx, emit func(event.Event)) error {
		p, ok, err := readPush(tx.Reader, l.account.ID)
		if err != nil || !ok || !gone || p.Service != from.String() || p.Node != node {
			return err
		}
		p.Enabled, p.Code = false, pushGone
		emit(event.Event{Kind: event.PushChanged, Code: pushGone})
		return WritePush(tx, l.account.ID, p)
	})
	return true
}
