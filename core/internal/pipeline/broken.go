// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"slices"
	"time"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/crypto/trust"
	"github.com/confab-im/confab/storage"
)

// repairable are the reasons that a new session does away with. It would not
// help against a message that is malformed, was forged or came before.
var repairable = []omemo.Reason{
	omemo.ReasonNoSession, omemo.ReasonBadMAC, omemo.ReasonTooFarAhead, omemo.ReasonPreKeyGone, omemo.ReasonEngine,
}

// fresh is how old a message may be to say something about the sessions of
// today. What a server has kept for us says nothing: the other side may have
// begun a new one since.
const fresh = time.Minute

// noteBroken notes what a message that cannot be read says about the sending
// device, if it came live, outside of any catch-up. Whether anything follows is
// the transport's policy; for strangers and keys that are not trusted nothing
// does.
func (a *Account) noteBroken(tx *storage.Tx, emit *emitter, in *Incoming, refused *omemo.DecryptError, order order) error {
	changed := refused.Reason == omemo.ReasonIdentityChanged
	if changed {
		emit.add(event.Event{Kind: event.TrustChanged, Peer: in.Sender, Code: refused.Code()})
	}
	if order != nil || a.Now().Sub(in.At) > fresh || !changed && !slices.Contains(repairable, refused.Reason) {
		return nil
	}
	catchingUp, err := tx.OMEMO(a.ID).CatchingUp(tx.Context())
	if err != nil || catchingUp {
		return err
	}
	if ok, err := a.reachedBy(tx, in.Sender); err != nil || !ok {
		return err
	}
	t := omemo.Target{Profile: refused.Profile, Address: refused.Sender}
	if changed {
		emit.outcome.Changed = append(emit.outcome.Changed, t)
		return nil
	}
	devices, err := a.OMEMO.Devices(tx.Context(), tx.OMEMO(a.ID), in.Sender)
	for _, d := range devices {
		if d.Address == t.Address && d.Known && trust.Outgoing(d.Trust, d.Active) == trust.Encrypt {
			emit.outcome.Broken = append(emit.outcome.Broken, t)
			break
		}
	}
	return err
}
