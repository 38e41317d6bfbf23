// SPDX-License-Identifier: MPL-2.0

// Package event holds what core tells an app: facts of the past, carrying ids
// and never content, and the bus that hands them to subscribers.
//
// A publisher never waits: every subscription has a bounded queue. A
// subscriber that falls behind loses the events that did not fit and is told
// so by one Gap event in their place; it then reads afresh what it shows. The
// bus starts no goroutine and calls no code of a subscriber.
//
// It does not store anything: an event is published only after the commit of
// what it speaks of, so whoever reads the database on an event sees the fact.
// Events of transactions come in the order of the commits, see Turn; those of
// nothing but the connection come between them as it happens.
package event
