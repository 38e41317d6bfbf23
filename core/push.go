// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/core/internal/xmpplink"
	"github.com/confab-im/confab/storage"
	"mellium.im/xmpp/jid"
)

// PushConfig says who is to wake this device when something comes while it is
// not connected (XEP-0357): the app server of the program's maker, which knows
// how to reach the device by Apple's, Google's or another service. It learns
// that something came. Servers can be set up to tell it more; this SDK asks
// for nothing of the kind, and what is encrypted stays so.
type PushConfig struct {
	Service string // JID of the app server
	// Node names the device there, as the app server has told the app. It is a
	// secret: whoever knows it can wake the device.
	Node string
	// Options are sent along with each notification, such as a secret that the
	// app server expects.
	Options map[string]string
}

// PushState is what became of the wish to be woken.
type PushState struct {
	PushConfig
	Enabled bool   // the server has agreed
	Code    string // why it has not, if it was asked; else empty
}

// silenceWait bounds how long signing out waits for the end of push.
const silenceWait = 3 * time.Second

// maxPushOptions bounds PushConfig.Options.
const maxPushOptions = 32

// EnablePush keeps a PushConfig and asks the server to keep to it: now if
// online, and with each new session. Another one takes its place. What
// becomes of it is told by EventPushChanged.
//
// Errors: ErrBadAddress, ErrBadPush; "core.push-unsupported" and refusals, after
// which it is kept all the same.
func (a *Account) EnablePush(ctx context.Context, cfg PushConfig) error {
	service, err := jid.Parse(cfg.Service)
	if err != nil {
		return ErrBadAddress
	}
	if cfg.Node == "" || len(cfg.Node) > 1024 || len(cfg.Options) > maxPushOptions {
		return ErrBadPush
	}
	p := xmpplink.Push{Service: service.String(), Node: cfg.Node, Options: maps.Clone(cfg.Options)}
	old, err := a.putPush(ctx, p)
	if err != nil {
		return failed("enable push", err)
	}
	l, err := a.online()
	if err != nil || a.State().State != Online {
		return nil // the next session does it
	}
	if old.Service != "" && (old.Service != p.Service || old.Node != p.Node) {
		if err := l.DisablePush(ctx, old); err != nil {
			a.client.log.Info("earlier push not disabled", "code", ErrorCode(err))
		}
	}
	if err := l.EnablePush(ctx); err != nil {
		return failed("enable push", err)
	}
	return nil
}

func (a *Account) putPush(ctx context.Context, p xmpplink.Push) (old xmpplink.Push, err error) {
	if old, _, err = xmpplink.ReadPush(ctx, a.pipe); err != nil {
		return old, err
	}
	err = a.client.change(ctx, func(tx *storage.Tx, emit func(event.Event)) error {
		emit(event.Event{Kind: event.PushChanged, Account: a.id})
		return xmpplink.WritePush(tx, a.id, p)
	})
	return old, err
}

// DisablePush ends it. The server is told if there is a connection; if there is
// none, tell the app server to forget the node.
//
// Errors: the network's, after which it is forgotten here all the same.
func (a *Account) DisablePush(ctx context.Context) error {
	old, err := a.putPush(ctx, xmpplink.Push{})
	if err != nil {
		return failed("disable push", err)
	}
	l, err := a.online()
	if err != nil || old.Service == "" || a.State().State != Online {
		return nil
	}
	if err := l.DisablePush(ctx, old); err != nil {
		return failed("disable push", err)
	}
	return nil
}

// Push returns what became of EnablePush, and whether it was called at all.
func (a *Account) Push(ctx context.Context) (state PushState, ok bool, err error) {
	p, ok, err := xmpplink.ReadPush(ctx, a.pipe)
	if err != nil {
		return PushState{}, false, failed("read push settings", err)
	}
	return PushState{PushConfig{p.Service, p.Node, p.Options}, p.Enabled, p.Code}, ok, nil
}

// silence ends the waking of a device that is about to sign out, so that nothing
// wakes it for nobody.
func (a *Account) silence(ctx context.Context, l link) {
	p, ok, err := xmpplink.ReadPush(ctx, a.pipe)
	if err != nil || !ok {
		return
	}
	if state, _ := l.State(); ConnectionState(state) != Online {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, silenceWait)
	defer cancel()
	if err := l.DisablePush(ctx, p); err != nil {
		a.client.log.Info("push not disabled", "account", a.id, "code", ErrorCode(err))
	}
}

// String names the service and not the node, which is a secret.
func (c PushConfig) String() string { return "push service " + c.Service }

// Format writes String, whatever the verb.
func (c PushConfig) Format(s fmt.State, _ rune) { fmt.Fprint(s, c.String()) }

// Format writes the service and not the node, whatever the verb.
func (p PushState) Format(s fmt.State, _ rune) { fmt.Fprint(s, p.PushConfig.String()) }
