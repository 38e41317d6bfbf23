// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/confab-im/confab/core/internal/code"
	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/core/internal/mediadir"
	"github.com/confab-im/confab/core/internal/xmpplink"
	"github.com/confab-im/confab/storage"
)

// mediaFiles is the folder with the files of messages, and what keeps it clean:
// one goroutine, which ends with the bus.
type mediaFiles struct {
	client *Client
	folder *mediadir.Folder
	events *event.Subscription
	wg     sync.WaitGroup
}

// defaultMaxSize bounds downloads, in bytes.
const defaultMaxSize = 1 << 30

func newMediaFiles(c *Client) *mediaFiles {
	path := c.cfg.MediaDir
	if path == "" {
		path = c.cfg.Path + ".media"
	}
	return &mediaFiles{client: c, folder: mediadir.New(path)}
}

func (m *mediaFiles) link(p DownloadPolicy) xmpplink.Media {
	if p.MaxSize <= 0 {
		p.MaxSize = defaultMaxSize
	}
	return xmpplink.Media{
		Folder: m.folder, MaxSize: p.MaxSize, Pictures: p.Pictures, AllowPrivate: p.AllowPrivate,
	}
}

// start sweeps the folder, now and whenever messages go.
func (m *mediaFiles) start() {
	m.events = m.client.bus.Subscribe(event.Filter{Kinds: []event.Kind{
		event.MessageRemoved, event.ConversationRemoved, event.AccountRemoved, event.Transfer,
	}})
	m.wg.Go(func() {
		m.sweep()
		for {
			e, err := m.events.Next(context.Background())
			if err != nil {
				return
			}
			switch {
			case e.Kind == event.Transfer && e.Attachment != 0:
				continue
			case e.Kind == event.MessageRemoved:
				m.released(e.Account)
			}
			if !m.settle() {
				return
			}
			m.sweep()
		}
	})
}

// sweepAfter is how long after a removal more of them are waited for.
const sweepAfter = 100 * time.Millisecond

// settle takes the events of the moment together; false at the end.
func (m *mediaFiles) settle() bool {
	ctx, cancel := context.WithTimeout(context.Background(), sweepAfter)
	defer cancel()
	for {
		switch _, err := m.events.Next(ctx); {
		case errors.Is(err, event.ErrClosed):
			return false
		case err != nil:
			return true
		}
	}
}

// released has what waited for the files of a message looked at again.
func (m *mediaFiles) released(account int64) {
	if a, err := m.client.Account(account); err == nil {
		a.withLink(func(l link) { l.RetryTransfers() })
	}
}

func (m *mediaFiles) sweep() {
	n, err := m.folder.Sweep(func(yield func(string) error) error {
		return m.client.db.View(context.Background(), func(r *storage.Reader) error { return r.MediaFiles(yield) })
	})
	switch {
	case errors.Is(err, ErrClosed): // the next Open does it
	case err != nil:
		m.client.log.Warn("media folder not swept", "code", code.Of(err))
	case n > 0:
		m.client.log.Debug("files removed", "count", n)
	}
}

func (m *mediaFiles) wait() { m.wg.Wait() }
