// SPDX-License-Identifier: MPL-2.0

// Package xmpplink wires one XMPP account to the pipeline: what comes from
// the stream becomes updates, what the outbox prepares becomes stanzas.
//
//	link.go      Link: its life, and the actor loop
//	inbound.go   stanzas and stream items into pipeline updates
//	session.go   what a new or resumed stream needs first
//	catchup.go   paging through the archive (XEP-0313)
//	reread.go    reading the archive again, for what comes late
//	history.go   older messages on demand
//	outbound.go  the outbox onto the stream, acknowledgements back
//	devices.go   OMEMO device lists and bundles of others (XEP-0384)
//	publish.go   the own ones
//	heal.go      sessions that do not fit any more; other keys of known devices
//	refused.go   keys that were refused, for showing them
//	prune.go     own devices taken off the list
//	label.go     what the own device calls itself
//	lookup.go    devices of those who are written to, asked for until known
//	contacts.go  roster, subscriptions, presence
//	people.go    what a session knows of others beside the database
//	profiles.go  nicknames and pictures (XEP-0172, XEP-0084, XEP-0153, XEP-0398)
//	push.go      being woken by a push service (XEP-0357)
//	report.go    what the server offers
//	invites.go   invitations to become a contact (XEP-0379, XEP-0401)
//	blocking.go  blocked addresses (XEP-0191), reports (XEP-0377)
//	content.go   what messages say, from and to XMPP
//	readstate.go how far was read, between our devices (XEP-0490)
//	typing.go    who is writing (XEP-0085)
//	files.go     the files they share
//	transfers.go which files are carried, when, and in whose networks
//	upload.go    files of ours to the upload service (XEP-0363)
//	download.go  files of others, and what they are found to be
//	rooms.go     the rooms of an account; roomjoin.go: getting into them;
//	             roomevents.go: what happens there; roommessage.go: what is said;
//	             roomarchive.go: what was missed; roominvite.go, roomadmin.go,
//	             roombookmarks.go: what their names say
//	builder.go   the final bytes of outgoing stanzas
//	conn.go      connection settings; sign-in probe; registration
//
// # Concurrency
//
// A Link has one actor goroutine, which owns every field of session and is
// the only one that calls Deliver and SendDurable. It never waits for the
// network: whatever needs an answer (IQs) runs in child goroutines, which
// post a function back to the actor. One goroutine runs the stream, one
// carries its items over. Close joins all of them.
//
// Nothing here is called with a database transaction open, and the stream is
// given storage.InTransaction as a guard that says so.
package xmpplink
