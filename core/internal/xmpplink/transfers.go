// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/confab-im/confab/core/internal/code"
	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/core/internal/mediadir"
	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/network/transfer"
	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/storage"
)

// Media is how files are carried.
type Media struct {
	Folder  *mediadir.Folder // nil: none are
	MaxSize int64            // of a file that is fetched, in bytes
	// Pictures is the most that is fetched without a person's asking.
	Pictures int64
	// AllowPrivate lets such a fetch lead into private networks.
	AllowPrivate bool
	Timeouts     transfer.Config // its Connect, Stall and Answer count only
}

// transfers carries the files of an account, a few at a time, as long as the
// Link lives. What is to be carried is in the database; nothing here is needed
// to go on with it in another process.
type transfers struct {
	link   *Link
	client *transfer.Client // for what we or a person asked for
	wary   *transfer.Client // for what others had us fetch
	again  chan struct{}    // one has ended, or may be tried at once
	wg     sync.WaitGroup

	mu      sync.Mutex
	running map[int64]context.CancelFunc // by attachment
	tries   map[int64]try
	service service
}

// try is how often a transfer has failed and when it may be tried again.
type try struct {
	failures int
	due      time.Time
}

// service is the upload service and when it was asked for.
type service struct {
	xmpp.UploadService
	at time.Time
}

// At a time, of each kind.
const maxTransfers = 2

// maxFailures bounds how often is tried what may have failed for good.
const maxFailures = 6

// progressEvery bounds how often progress is told.
const progressEvery = 200 * time.Millisecond

const (
	firstTransferWait = time.Second
	maxTransferWait   = 5 * time.Minute
)

// newTransfers returns nil if no files are to be carried.
func (l *Link) newTransfers() (*transfers, error) {
	if l.conn.Media.Folder == nil {
		return nil, nil
	}
	t := &transfers{
		link: l, again: make(chan struct{}, 1),
		running: make(map[int64]context.CancelFunc), tries: make(map[int64]try),
	}
	cfg, err := l.conn.transferConfig()
	if err != nil {
		return nil, err
	}
	if t.client, err = transfer.New(cfg); err != nil {
		return nil, err
	}
	if cfg.Proxy == nil && !l.conn.Media.AllowPrivate {
		cfg.Control = publicOnly
	}
	if t.wary, err = transfer.New(cfg); err != nil {
		return nil, err
	}
	return t, nil
}

// transferConfig reaches servers as the account does.
func (c ConnConfig) transferConfig() (transfer.Config, error) {
	cfg := transfer.Config{
		RootCAs: c.RootCAs, Connect: c.Media.Timeouts.Connect, Stall: c.Media.Timeouts.Stall, Answer: c.Media.Timeouts.Answer,
	}
	if c.Proxy == "" {
		return cfg, nil
	}
	// Each account has a circuit of its own from Tor, and its files another one.
	hash := sha256.Sum256([]byte("files of " + c.JID))
	cfg.Proxy = &url.URL{Scheme: "socks5h", Host: c.Proxy, User: url.UserPassword(hex.EncodeToString(hash[:16]), "files")}
	if path, ok := strings.CutPrefix(c.Proxy, "unix:"); ok {
		cfg.Proxy.Host = "localhost:1"
		cfg.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		}
	}
	return cfg, nil
}

// privateUse are networks that are no part of the internet, beside those that
// netip tells.
var privateUse = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("2002::/16"), // lead to any address of IPv4
}

// errPrivate keeps others from having us ask the devices around us.
var errPrivate = &net.AddrError{Err: "private network"}

func publicOnly(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return errPrivate
	}
	ip := at.Addr().Unmap()
	if !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return errPrivate
	}
	for _, p := range privateUse {
		if p.Contains(ip) {
			return errPrivate
		}
	}
	return nil
}

// run starts what is to be carried until ctx ends, and waits for it.
func (t *transfers) run(ctx context.Context) {
	defer func() {
		_ = t.client.Close()
		_ = t.wary.Close()
	}()
	defer t.wg.Wait()
	for {
		timer := time.NewTimer(t.pass(ctx))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-t.link.account.Transfers:
		case <-t.again:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// pass starts what is due and returns for how long there is nothing to do.
func (t *transfers) pass(ctx context.Context) time.Duration {
	account := t.link.account
	if err := account.Release(ctx); err != nil {
		return t.ailing(err)
	}
	t.link.Wake()
	next := maxTransferWait
	for _, states := range [][]uint8{{pipeline.FileQueued}, {pipeline.FileWanted, pipeline.FileOffered}} {
		var list []storage.Attachment
		err := account.DB.View(ctx, func(r *storage.Reader) error {
			list = nil
			for _, state := range states {
				some, err := r.AttachmentsInState(account.ID, state)
				if err != nil {
					return err
				}
				list = append(list, some...)
			}
			return nil
		})
		if err != nil {
			return t.ailing(err)
		}
		free := maxTransfers
		for i := range list {
			if t.busy(list[i].ID) {
				free--
			}
		}
		for i := range list {
			if free <= 0 {
				break
			}
			wait, started := t.begin(ctx, list[i])
			if started {
				free--
			} else if wait > 0 {
				next = min(next, wait)
			}
		}
	}
	return next
}

// ailing is the wait after an error of the database.
func (t *transfers) ailing(err error) time.Duration {
	t.link.log.Debug("files wait for the database", "code", code.Of(err))
	return 10 * time.Second
}

func (t *transfers) busy(id int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.running[id] != nil
}

// begin starts a transfer unless it is under way or has to wait.
func (t *transfers) begin(ctx context.Context, f storage.Attachment) (wait time.Duration, started bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.running[f.ID] != nil {
		return 0, false
	}
	if wait := time.Until(t.tries[f.ID].due); wait > 0 {
		return wait, false
	}
	ctx, cancel := context.WithCancel(ctx)
	t.running[f.ID] = cancel
	t.wg.Go(func() {
		defer t.ended(f.ID, cancel)
		if f.State == pipeline.FileQueued {
			t.upload(ctx, f)
		} else {
			t.fetch(ctx, f)
		}
	})
	return 0, true
}

func (t *transfers) ended(id int64, cancel context.CancelFunc) {
	cancel()
	t.mu.Lock()
	delete(t.running, id)
	t.mu.Unlock()
	t.look()
}

// look has run look again.
func (t *transfers) look() {
	select {
	case t.again <- struct{}{}:
	default:
	}
}

// failed notes a failure and returns how many there were.
func (t *transfers) failed(id int64) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	try := t.tries[id]
	try.failures++
	try.due = time.Now().Add(min(maxTransferWait, firstTransferWait<<min(try.failures-1, 10)))
	t.tries[id] = try
	return try.failures
}

func (t *transfers) succeeded(id int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.tries, id)
}

// progress tells of bytes carried, now and then.
func (t *transfers) progress(f *storage.Attachment) func(done, size int64) {
	var last time.Time // used by one goroutine at a time
	return func(done, size int64) {
		if now := time.Now(); now.Sub(last) >= progressEvery || done == size {
			last = now
			t.link.account.Bus.Publish(event.Event{
				Kind: event.Transfer, Account: t.link.account.ID, Conversation: f.ConversationID, Message: f.MessageID,
				Attachment: f.ID, Done: done, Size: size,
			})
		}
	}
}

// CancelTransfer ends what is under way for a file, after the database was told.
func (l *Link) CancelTransfer(id int64) {
	<-l.life.ready
	if l.transfers == nil {
		return
	}
	l.transfers.mu.Lock()
	defer l.transfers.mu.Unlock()
	if cancel := l.transfers.running[id]; cancel != nil {
		cancel()
	}
	delete(l.transfers.tries, id)
}

// RetryTransfers tries at once what waits for another try.
func (l *Link) RetryTransfers() {
	select {
	case <-l.life.ready:
	default:
		return
	}
	if t := l.transfers; t != nil {
		t.mu.Lock()
		clear(t.tries)
		t.mu.Unlock()
		t.look()
	}
}
