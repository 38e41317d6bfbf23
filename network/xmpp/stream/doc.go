// SPDX-License-Identifier: MPL-2.0

// Package stream keeps one account's XMPP stream (RFC 6120) alive: it connects,
// signs in, resumes after every loss of the connection (XEP-0198), and hands
// over what happened as one ordered sequence of items.
//
// What it promises: no inbound stanza is acknowledged to the server before the
// consumer has said that its effects are durable, and none that has been is
// handed over again; stanzas go out in one order, and those that a lost
// connection left in doubt are sent again, the same bytes in the same order,
// ahead of anything new. When the server has forgotten the session, the stream
// says so, and what was in doubt stays in doubt: finding out is the work of
// ids, archive and outbox above.
//
// What it does not do: it knows no extension beyond XEP-0198 (and XEP-0199 to
// find a dead connection where that is missing), answers no request, keeps
// nothing on disk, and never speaks without TLS.
//
// # The consumer's part
//
//	for {
//		items, err := s.Next(ctx, buf)
//		… commit the effects of the items together with the last Count …
//		s.Handled(count)
//	}
//
// Items carry counts of the current stream-management session. A new session
// begins with an Online item that has Resumed false; counts before and after it
// cannot be compared, and Next never returns both at once. IQ results go to
// whoever asked, and what Config.Divert takes goes nowhere; they are counted,
// and the next item, or an AckRequested, has their count. Persist it for every
// item: a process that resumes with a smaller count than it has acknowledged
// asks for stanzas that the server no longer has.
//
// # The session across connections
//
// A resumption names the count that was handled. What was received beyond it
// is dropped from the queue, since the server sends it again; to know exactly
// what the consumer has, it gets no further stanzas from shortly before the
// request until the answer. Counts have 64 bits here and 32 on the wire.
//
// A server's count of our stanzas that cannot be true ends the session, as does
// XML whose boundaries are in doubt (RFC 6120 section 4.9.3.13): the server is
// told, and a new session is bound. A stanza that is whole but cannot be read,
// or exceeds a limit, is only an item of the kind Malformed: it is counted, so
// that it cannot come back for ever.
//
// # How it is made
//
// Every TCP connection is negotiated by a mellium.im/xmpp session of its own,
// which is thrown away afterwards: the features are its, the exchanges within
// them are written here (sign-in, binding with the wanted resource, resumption
// in its place). All reading goes through package framer, which never takes a
// byte more than an element, so that the connection changes hands cleanly. Then
// three goroutines of a link take over: one reads, one writes, one watches.
//
// A long-lived session of that library would stand in the way: its loop calls
// handlers inline, so that a request made in one never sees its answer; it ends
// when a handler returns an error; cancelling one Send poisons the connection;
// answers are matched by id but not by sender, so that anybody can answer; and
// each payload is decoded again. Its negotiation ignores contexts, takes empty
// features for the end of a successful negotiation, picks features in random
// order, and drops the error of a feature that the server did not mark as
// required. Each of these is worked around in negotiate.go and has a test.
//
// # When to give up
//
// Run returns only for what will not mend by itself, see there. The rest is
// retried with growing, random waits. The error conflict means that another
// client took our place, and ends Run, unless a request of ours for the same
// session was left unanswered within the last minute, or might have been by the
// process before: then it is our own ghost.
//
// # What servers do in a storm of cuts
//
// Three races of ejabberd (seen in 23.01, with the log of its stream management
// turned up) lie beyond what a client can see; they need connections that break
// and come back within tens of milliseconds.
//
// A session moves to the process of the new connection when that asks for it,
// and the process of the old one is stopped some milliseconds later. What it
// has in its buffer is still delivered in between, though the counts have been
// handed over already. The count in <resumed/> is then too low, we send again,
// and the recipient gets duplicates.
//
// A <resume/> whose connection has broken is still carried out. When the next
// one arrives meanwhile, both may inherit the same state, or the dead one may be
// carried out last: the live stream gets a conflict, and counts of two branches
// mix, up to "acknowledged 415 stanzas, but only 346 were sent", with losses.
//
// Messages that reach the old process late are routed again after newer ones:
// they overtake each other, in either race or without. They are archived as
// late, seconds later on a busy machine, but with the id and the time they got
// when they were sent: the archive's order is right, only it grows in its
// middle. Whoever reads it has to look back behind the last id it knew, and to
// look again a little after the resumption.
//
// Against the first there are the waits of Backoff: leave Min at a few hundred
// milliseconds at least. Against the second, a request for a session that got
// no answer keeps the next one waiting for two seconds. With both, storms pass
// without loss or duplicate.
//
// Prosody 0.12 keeps its parser across a resumption, and with it half a stanza
// of the old connection. That ends in the stream error not-well-formed, or, when
// the cut came inside of a stanza's content, in silence: all that we send
// becomes part of that stanza. So every resumption is followed by a request for
// an acknowledgement, and one that is not answered in Keepalive.Probe makes
// way for a new session. The same holds later for a server that goes on sending
// but answers no such request.
//
// # Concurrency
//
// All methods may be called from any goroutine, Next by one consumer only. Run
// owns all goroutines and returns after the last of them. Divert runs on the
// reading goroutine, prepare of SendDurable on the caller's, with nothing
// locked but the outbound order. Every queue is bounded: a slow consumer stops
// the reading, and so the server; a slow server stops the senders.
package stream
