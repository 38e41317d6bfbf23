// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"context"
	"errors"
	"time"

	"github.com/confab-im/confab/core/internal/code"
	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/network/xmpp/stream"
	"github.com/confab-im/confab/storage"
	"mellium.im/xmpp/jid"
)

// session is what the actor knows of the stream-management session it is in.
// It survives reconnects that resume.
type session struct {
	ctx    context.Context // of the child goroutines; ends with the session
	cancel context.CancelFunc

	id          string // names the session, here and in the database
	jid         jid.JID
	managed     bool // stream management is on
	kept        bool // and the database has its count, to resume it
	stateful    bool // the server wants to know whether somebody looks
	established bool // all that a new session needs is under way
	up          bool // connected
	broken      bool // a batch could not be stored: nothing counts until a reconnect
	mayFlush    bool // what is in doubt has been cleared up

	archive  reading
	peers    lookups
	reads    readSync
	typing   typing
	handled  uint64 // stanzas that are durable, as the stream was told
	top      uint64 // stanzas taken in, those that are held included
	failures int    // of the database in a row

	written    uint64 // stanzas sent without stream management
	confirming bool   // it is being asked whether they have arrived
}

// reading is how far the archive has been read.
type reading struct {
	began    time.Time     // the connection's beginning; zero: what an unfinished run says
	catching bool          // it is being read
	again    bool          // and has to be read once more after that
	hurry    chan struct{} // says so to a reader that waits
	holding  bool          // live messages wait for the end of it
	held     []heldItem

	fresh bool               // a message has come live since it was begun
	stop  context.CancelFunc // of the next reading that is planned
}

// lookups are the peers whose devices are, or are to be, known.
type lookups struct {
	ready    map[string]time.Time     // when they were looked up
	fetching map[string]chan struct{} // being looked up now; a word there asks again at once
	awaiting map[string]bool          // there are none yet
	slots    chan struct{}            // how many are looked up at a time
}

func (s *session) end() {
	if s.cancel != nil {
		s.cancel()
	}
}

// begin replaces the session by a new one.
func (l *Link) begin(ctx context.Context, o *stream.OnlineInfo) {
	l.session.end()
	l.endTyping()
	s := session{
		jid: o.JID, id: o.ID, managed: o.SM, kept: o.SM && o.Resumable, stateful: l.session.stateful || o.Feature(xmpp.NSCSI, "csi"),
		peers: lookups{
			slots: make(chan struct{}, lookupSlots), ready: make(map[string]time.Time), fetching: make(map[string]chan struct{}), awaiting: make(map[string]bool),
		},
	}
	s.failures, s.typing = l.session.failures, newTyping()
	s.ctx, s.cancel = context.WithCancel(ctx)
	l.session = s
	l.resetRooms()
}

// online reacts to a stream that came about.
func (l *Link) online(ctx context.Context, item *stream.Item) {
	o := item.Online
	if o.Features != nil {
		l.people.features.Store(o.Features)
	}
	ours := o.Resumed && l.session.established && l.session.id == o.ID
	if !ours {
		l.begin(ctx, o)
	}
	l.session.up, l.session.broken = true, false
	var err error
	if ours {
		err = l.resumed(ctx, o, item.Count)
	} else {
		err = l.establish(ctx, o, item.Count)
	}
	if err == nil {
		err = l.credentials.persist(ctx, l.account.DB, l.account.ID)
	}
	if err != nil {
		l.storageFailed(ctx, err)
		return
	}
	l.setState(event.Online, o.Resumed, "")
	l.indicate(ctx)
	l.flush(ctx)
}

// resumed goes on where the connection was lost.
func (l *Link) resumed(ctx context.Context, o *stream.OnlineInfo, count uint64) error {
	_, err := l.account.Deliver(ctx, []pipeline.Update{
		{Ack: &pipeline.Ack{StreamID: o.ID, Upto: o.Out}}, l.saveStream(o, max(count, l.session.handled)),
	})
	if err != nil {
		return err
	}
	l.session.archive.held = nil // none was counted: they come again
	l.resumedRooms()
	l.session.archive.began = l.account.Now()
	l.startCatchUp(func(context.Context) error { return nil })
	return nil
}

// establish begins a session of which this process knows nothing yet: a new
// one, or one that another process has begun. How far that one got before it
// was killed is not known either, so everything is done that a session needs.
func (l *Link) establish(ctx context.Context, o *stream.OnlineInfo, count uint64) (err error) {
	l.session.archive.began = l.account.Now()
	var doubt bool
	if o.Resumed {
		doubt, err = l.takeOver(ctx, o, count)
	} else if doubt, err = l.account.Forget(ctx); err == nil && o.Resumable {
		_, err = l.account.Deliver(ctx, []pipeline.Update{l.saveStream(o, count)})
	}
	if err != nil {
		return err
	}
	if err := l.account.StopRooms(ctx); err != nil {
		return err
	}
	// Messages that may have arrived wait for the archive to say so.
	l.session.mayFlush = !doubt
	l.session.established = true
	l.startSession()
	versioned := o.Feature(xmpp.NSRosterVersioning, "ver")
	l.people.roster.known.Store(false)
	l.child(func(ctx context.Context) { l.fetchRoster(ctx, versioned) })
	l.child(l.fetchBlocked)
	l.child(l.fetchSought)
	l.child(l.renewPush)
	l.child(l.setupDevices)
	l.awaitAll(ctx)
	return nil
}

// takeOver goes on with the session of a process that was killed. The stanzas
// of that process that the server has not counted are only in the outbox: they
// go out again, the same bytes.
func (l *Link) takeOver(ctx context.Context, o *stream.OnlineInfo, count uint64) (doubt bool, err error) {
	if doubt, err = l.account.Doubt(ctx); err != nil {
		return false, err
	}
	unfinished, err := l.account.Unfinished(ctx)
	if err != nil {
		return false, err
	}
	if unfinished {
		l.session.archive.began = time.Time{} // that run's messages go below its live ones
	}
	_, err = l.account.Deliver(ctx, []pipeline.Update{
		{Ack: &pipeline.Ack{StreamID: o.ID, Upto: o.Out}},
		{Apply: func(tx *storage.Tx, _ func(event.Event)) error {
			_, err := tx.ForgetStream(l.account.ID)
			return err
		}},
		l.saveStream(o, count),
	})
	return doubt, err
}

func (l *Link) saveStream(o *stream.OnlineInfo, handled uint64) pipeline.Update {
	return pipeline.Update{Apply: func(tx *storage.Tx, _ func(event.Event)) error {
		return tx.SaveStream(storage.Stream{
			AccountID: l.account.ID, ID: o.ID, Location: o.Location, JID: o.JID.String(),
			Handled: handled, Max: o.Max, Updated: l.account.Now(),
		})
	}}
}

// loadStream returns what an earlier process left to resume.
func (l *Link) loadStream(ctx context.Context) (*stream.Resume, error) {
	var row storage.Stream
	err := l.account.DB.View(ctx, func(r *storage.Reader) error {
		_, read, err := r.Cursor(l.account.ID, l.account.JID)
		if err != nil {
			return err
		}
		l.archiveKnown.Store(read)
		row, err = r.Stream(l.account.ID)
		return err
	})
	if errors.Is(err, storage.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	address, err := jid.Parse(row.JID)
	if err != nil {
		return nil, nil // of no use; a new session takes its place
	}
	l.session.id = row.ID // a refusal may still come with the server's count
	return &stream.Resume{ID: row.ID, Location: row.Location, JID: address, Handled: row.Handled}, nil
}

// offline notes that the connection is gone. The session lives on until the
// server refuses to resume it.
func (l *Link) offline(ctx context.Context, err error) {
	if l.session.up && !l.session.broken {
		l.refused(ctx, err)
	}
	l.session.up, l.session.broken = false, false
	if reason := code.Of(err); reason != "" {
		l.log.Info("offline", "code", reason)
		l.setState(event.Connecting, false, reason)
	}
}

// refused notes that the server ended the stream for what we sent.
func (l *Link) refused(ctx context.Context, err error) {
	var reason *stream.StreamError
	if !errors.As(err, &reason) || reason.Condition != "policy-violation" {
		return
	}
	if err := l.account.Refused(ctx, l.session.id, reason.Code()); err != nil {
		l.storageFailed(ctx, err)
	}
}

// storageFailed gives up the connection: nothing of it was acknowledged, so
// the server will send it again. The wait keeps a full disk from becoming a
// busy loop.
func (l *Link) storageFailed(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	l.session.broken = true
	l.storageAiling(err)
	wait := time.NewTimer(min(time.Minute, time.Second<<min(l.session.failures, 6)))
	defer wait.Stop()
	l.client.Reset(err)
	select {
	case <-wait.C:
	case <-ctx.Done():
	}
}

// storageAiling tells of a database that refuses writes.
func (l *Link) storageAiling(err error) {
	l.log.Error("database refuses writes", "code", code.Of(err))
	l.account.Bus.Publish(event.Event{Kind: event.Storage, Account: l.account.ID, Code: code.Of(err)})
	l.session.failures++
}

func (l *Link) storageWell() {
	if l.session.failures > 0 {
		l.session.failures = 0
		l.account.Bus.Publish(event.Event{Kind: event.Storage, Account: l.account.ID})
	}
}

// indicate tells the server that nobody looks; a connection begins with
// somebody looking (XEP-0352 section 5).
func (l *Link) indicate(ctx context.Context) {
	if l.session.stateful && l.background.Load() {
		if err := l.client.SetActive(ctx, false); err != nil {
			l.log.Debug("client state not sent", "code", code.Of(err))
		}
	}
}

// child runs fn beside the actor until the session ends.
func (l *Link) child(fn func(ctx context.Context)) {
	ctx := l.session.ctx
	l.life.wg.Go(func() { fn(ctx) })
}
