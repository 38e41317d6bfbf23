// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/confab-im/confab/core/internal/code"
	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/network/xmpp/stream"
)

// Link is the connection of one account, from Start to Close.
type Link struct {
	account     *pipeline.Account
	conn        ConnConfig
	client      *xmpp.Client // set before life.ready is closed
	credentials *credentials
	log         *slog.Logger

	life   life
	mail   mail
	status status
	people people

	publishing   chan struct{} // holds a token while the own bundles go out
	listing      chan struct{} // likewise while an own device list is changed
	loading      chan struct{} // holds a token while history is read
	background   atomic.Bool   // nobody is looking
	archiveKnown atomic.Bool   // the server keeps an archive, see message

	transfers *transfers // nil: none

	session session // owned by the actor
	rooms   rooms   // so are they
}

// life is how a Link ends.
type life struct {
	cancel context.CancelFunc
	ready  chan struct{} // closed once client is set, or the start failed
	done   chan struct{}
	wg     sync.WaitGroup
}

// mail is how others reach the actor.
type mail struct {
	posts  chan func()   // from child goroutines
	wake   chan struct{} // the outbox has something
	items  chan []stream.Item
	buffer chan []stream.Item // empty ones, back to the reader
}

// status is what other goroutines may read of a Link.
type status struct {
	mu       sync.Mutex
	state    event.State
	code     string
	presence map[string]map[string]Presence // bare JID → resource
	online   chan struct{}                  // closed while there is a connection
}

// connected returns what is closed once there is a connection.
func (s *status) connected() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.online
}

// enter notes the state. Presences are kept as long as the session is, which
// says nothing of them again when it is resumed.
func (s *status) enter(state event.State, resumed bool, reason string) (changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed = s.state != state || s.code != reason || state == event.Online
	switch {
	case state == event.Online && s.state != event.Online:
		close(s.online)
	case state != event.Online && s.state == event.Online:
		s.online = make(chan struct{})
	}
	if state == event.Online && !resumed || state == event.Offline || state == event.Failed {
		clear(s.presence)
	}
	s.state, s.code = state, reason
	return changed
}

const (
	batchItems = 64
	postQueue  = 64
)

// Start connects in the background.
func Start(account *pipeline.Account, conn ConnConfig) *Link {
	ctx, cancel := context.WithCancel(context.Background())
	l := &Link{
		account: account, conn: conn, log: account.Log,
		life: life{cancel: cancel, ready: make(chan struct{}), done: make(chan struct{})},
		mail: mail{
			posts: make(chan func(), postQueue), wake: make(chan struct{}, 1),
			items: make(chan []stream.Item), buffer: make(chan []stream.Item, 2),
		},
		publishing: make(chan struct{}, 1), listing: make(chan struct{}, 1), loading: make(chan struct{}, 1),
	}
	l.people.sought = make(chan sought, maxSought)
	l.status.presence = make(map[string]map[string]Presence)
	l.status.state, l.status.online = event.Connecting, make(chan struct{})
	for range cap(l.mail.buffer) {
		l.mail.buffer <- make([]stream.Item, 0, batchItems)
	}
	go func() {
		defer close(l.life.done)
		l.run(ctx)
	}()
	return l
}

// closeGrace bounds how long Close waits for what is on its way out.
const closeGrace = 3 * time.Second

// Close ends the connection but leaves the stream resumable, and waits for
// every goroutine.
func (l *Link) Close() {
	l.end(func(ctx context.Context) error { return l.client.Detach(ctx) })
}

// SignOut ends the session on the server and waits for every goroutine.
func (l *Link) SignOut(context.Context) {
	l.end(func(ctx context.Context) error { return l.client.Close(ctx) })
}

func (l *Link) end(stop func(context.Context) error) {
	<-l.life.ready
	if l.client != nil {
		ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
		if err := stop(ctx); err != nil && !errors.Is(err, stream.ErrClosed) {
			l.log.Debug("stream did not end cleanly", "code", code.Of(err))
		}
		cancel()
	}
	// What came until the end is still stored, acknowledgements above all.
	grace := time.NewTimer(closeGrace)
	defer grace.Stop()
	select {
	case <-l.life.done:
	case <-grace.C:
	}
	l.life.cancel()
	<-l.life.done
}

// State returns the connection's state, and the code of what ended the last
// connection or attempt.
func (l *Link) State() (event.State, string) {
	l.status.mu.Lock()
	defer l.status.mu.Unlock()
	return l.status.state, l.status.code
}

func (l *Link) setState(state event.State, resumed bool, reason string) {
	if l.status.enter(state, resumed, reason) {
		l.account.Bus.Publish(event.Event{
			Kind: event.AccountState, Account: l.account.ID, State: state, Resumed: resumed, Code: reason,
		})
	}
}

// Wake says that the outbox has something. It never waits.
func (l *Link) Wake() {
	select {
	case l.mail.wake <- struct{}{}:
	default:
	}
}

// NetworkChanged and Foreground pass on what the system says.
func (l *Link) NetworkChanged() {
	l.withClient((*xmpp.Client).NetworkChanged)
	l.RetryTransfers()
}

// Foreground says whether a person is looking.
func (l *Link) Foreground(on bool) {
	if l.background.Swap(!on) == !on {
		return
	}
	l.withClient(func(c *xmpp.Client) {
		c.Foreground(on)
		select {
		case l.mail.posts <- func() { l.looked(on) }:
		default: // the actor is busy; the next connection says it
		}
	})
}

// looked passes a change of what Foreground says on to the server.
func (l *Link) looked(on bool) {
	if !l.session.stateful || !l.session.up {
		return
	}
	if err := l.client.SetActive(l.session.ctx, on); err != nil {
		l.log.Debug("client state not sent", "code", code.Of(err))
	}
}

func (l *Link) withClient(fn func(*xmpp.Client)) {
	select {
	case <-l.life.ready:
		if l.client != nil {
			fn(l.client)
		}
	default: // still reading what to resume; it will connect at once anyway
	}
}

// post hands fn to the actor, from a child goroutine with its ctx. It is not
// run once the child's session has ended.
func (l *Link) post(ctx context.Context, fn func()) {
	current := func() {
		if ctx.Err() == nil {
			fn()
		}
	}
	select {
	case l.mail.posts <- current:
	case <-ctx.Done():
	}
}

// run is the actor.
func (l *Link) run(ctx context.Context) {
	defer l.life.cancel()
	defer l.life.wg.Wait()
	err := l.open(ctx)
	close(l.life.ready)
	if err != nil {
		l.fail(ctx, err)
		return
	}
	runCtx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	l.life.wg.Go(func() { ended <- l.client.Run(runCtx) })
	l.life.wg.Go(func() { l.read(runCtx) })
	if l.transfers != nil {
		l.life.wg.Go(func() { l.transfers.run(runCtx) })
	}
	defer stop()
	defer func() { l.session.end() }()

	for {
		select {
		case items, ok := <-l.mail.items:
			if !ok {
				l.fail(ctx, <-ended)
				return
			}
			l.take(ctx, items)
			l.mail.buffer <- items[:0]
		case fn := <-l.mail.posts:
			fn()
		case <-l.mail.wake:
			l.flush(ctx)
		case <-l.session.typing.over:
			l.typingOver()
		}
	}
}

// read carries items over to the actor until the stream ends.
func (l *Link) read(ctx context.Context) {
	defer close(l.mail.items)
	for buf := range l.mail.buffer {
		items, err := l.client.Next(ctx, buf)
		if err != nil {
			return
		}
		l.mail.items <- items
	}
}

// fail is the last thing an actor says.
func (l *Link) fail(ctx context.Context, err error) {
	l.session.end()
	switch {
	case ctx.Err() != nil, err == nil, errors.Is(err, stream.ErrClosed), errors.Is(err, context.Canceled):
		l.setState(event.Offline, false, "")
	default:
		l.log.Warn("connection ended for good", "code", code.Of(err))
		l.setState(event.Failed, false, code.Of(err))
	}
}

// open reads what an earlier process left and makes the client.
func (l *Link) open(ctx context.Context) error {
	resume, err := l.loadStream(ctx)
	if err != nil {
		return err
	}
	cfg, kept, err := l.conn.client()
	if err != nil {
		return err
	}
	l.credentials = kept
	cfg.Stream.Resume = resume
	cfg.Caps = capsCache{l.account}
	cfg.Features = append(l.interests(), xmpp.NSMUC, xmpp.NSDirectInvite, xmpp.NotifyBookmarks, xmpp.NotifyAvatar, xmpp.NotifyNick)
	client, err := xmpp.New(cfg)
	if err != nil {
		return err
	}
	if err := l.setupOMEMO(ctx); err != nil {
		return err
	}
	l.client = client
	if l.transfers, err = l.newTransfers(); err != nil {
		return err
	}
	return nil
}
