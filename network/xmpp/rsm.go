// SPDX-License-Identifier: MPL-2.0

// XEP-0059: Result Set Management

package xmpp

import (
	"strconv"

	"mellium.im/xmpp/paging"

	"github.com/confab-im/confab/network/xmpp/element"
)

// A ResultSet says which part of a whole a page is, XEP-0059 §2.
type ResultSet struct {
	First, Last string // ids of the first and last item; empty for an empty page
	Count       int    // items in the whole, -1 when the server does not say
}

// ParseResultSet reads the <set/> in e. What is missing or unreadable is as if
// the server had not said it: paging.Set would lose the whole page over a bad
// count.
func ParseResultSet(e *element.Element) ResultSet {
	set := e.Child(paging.NS, "set")
	rs := ResultSet{First: set.ChildText(paging.NS, "first"), Last: set.ChildText(paging.NS, "last"), Count: -1}
	if n, err := strconv.ParseInt(set.ChildText(paging.NS, "count"), 10, 32); err == nil && n >= 0 {
		rs.Count = int(n)
	}
	return rs
}

// pageRequest builds a <set/>. With before, a page that ends there is asked
// for, the last one when the id is empty.
func pageRequest(maxItems int, after string, before *string) *element.Element {
	set := element.New(paging.NS, "set")
	if maxItems > 0 {
		set.Add(element.New(paging.NS, "max").WithText(strconv.Itoa(maxItems)))
	}
	if after != "" {
		set.Add(element.New(paging.NS, "after").WithText(after))
	}
	if before != nil {
		set.Add(element.New(paging.NS, "before").WithText(*before))
	}
	return set
}
