// SPDX-License-Identifier: MPL-2.0

// XEP-0313: Message Archive Management, the pending queries

package xmpp

import (
	"sync"

	"mellium.im/xmpp/jid"

	"github.com/confab-im/confab/network/xmpp/element"
)

// archives holds the queries that wait for their results. The reader of the
// stream fills them, one goroutine each empties them.
type archives struct {
	self    jid.JID
	mu      sync.Mutex
	pending map[string]*archiveResults
}

// archiveResults gathers the results of one query; guarded by archives.mu.
type archiveResults struct {
	owner  *archives
	from   jid.JID // whose archive
	max    int
	found  []*element.Element
	excess bool
}

func (a *archives) open(id string, from jid.JID, maxItems int) *archiveResults {
	r := &archiveResults{owner: a, from: from, max: maxItems}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.pending == nil {
		a.pending = make(map[string]*archiveResults)
	}
	a.pending[id] = r
	return r
}

func (a *archives) close(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.pending, id)
}

// take consumes a message that is a result of a pending query from the archive
// that was asked, and one from our own archive that nobody waits for any more:
// the query was given up, and its messages will be asked for again. Any other
// <result/> means nothing, and the message is left to be what else it is.
func (a *archives) take(message *element.Element) bool {
	result := message.Child(NSMAM, "result")
	if result == nil {
		return false
	}
	from, err := addressOr(message.AttrValue("from"), a.self)
	if err != nil {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	r := a.pending[result.AttrValue("queryid")]
	switch {
	case r == nil || !from.Equal(r.from):
		return from.Equal(a.self)
	case len(r.found) < r.max:
		r.found = append(r.found, result)
	default:
		r.excess = true
	}
	return true
}

// taken returns what was found, and false when there was more than asked for.
func (r *archiveResults) taken() ([]*element.Element, bool) {
	r.owner.mu.Lock()
	defer r.owner.mu.Unlock()
	return r.found, !r.excess
}
