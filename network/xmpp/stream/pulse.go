// SPDX-License-Identifier: MPL-2.0

package stream

import (
	"sync/atomic"
	"time"
)

// A pulse tells when something arrived last. The goroutine that reads sets it,
// the one that watches over the connection looks.
type pulse struct {
	base    time.Time
	last    atomic.Int64 // since base, when bytes arrived last
	partial atomic.Int64 // since base, when a stanza began to arrive; 0 if none
	beats   atomic.Int64 // how often
	full    atomic.Bool  // reading waits for the consumer
}

func (p *pulse) now() int64 { return int64(time.Since(p.base)) + 1 }

// beat notes that bytes arrived.
func (p *pulse) beat() {
	p.last.Store(p.now())
	p.beats.Add(1)
}

// waiting notes that more bytes are waited for.
func (p *pulse) waiting(partial bool) {
	if !partial {
		p.partial.Store(0)
	} else if p.partial.Load() == 0 {
		p.partial.Store(p.now())
	}
}

// blocked notes that nothing is read for the time being. Silence proves nothing
// then, and what was silent is given a new start afterwards.
func (p *pulse) blocked(yes bool) {
	if !yes {
		p.beat()
		p.partial.Store(0)
	}
	p.full.Store(yes)
}

// silence is for how long nothing has arrived.
func (p *pulse) silence() time.Duration {
	if p.full.Load() {
		return 0
	}
	return time.Duration(p.now() - p.last.Load())
}

// arriving is for how long one stanza has been arriving.
func (p *pulse) arriving() time.Duration {
	start := p.partial.Load()
	if start == 0 || p.full.Load() {
		return 0
	}
	return time.Duration(p.now() - start)
}
