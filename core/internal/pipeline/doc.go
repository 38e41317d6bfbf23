// SPDX-License-Identifier: MPL-2.0

// Package pipeline is the heart of the SDK: the transactions that carry a
// message in and out. Its one rule: ratchet step, message row, dedupe keys,
// archive cursor and the stream-management count move in one database
// transaction, and only after its commit is a stanza acknowledged.
//
// What lives here:
//
//	inbox.go      Deliver: one transaction for a batch of what came in
//	decrypt.go    OMEMO decryption bound to that transaction, and its reasons
//	twin.go       messages that come in a stanza for each version of OMEMO
//	answer.go     messages without content: answers to key exchanges, heartbeats
//	broken.go     sessions that do not fit any more
//	spoilt.go     messages that cannot be stored, kept from harming others
//	outbox.go     Enqueue, Prepare (encrypt, final bytes, count), Ack, Forget
//	seal.go       the final bytes of what waits in the outbox
//	unasked.go    messages whose recipient cannot be asked for devices
//	refusal.go    stanzas that the server ends the stream for
//	catchup.go    archive pages: messages, dedupe keys and cursor in one
//	run.go        the order of what one run through an archive brings
//	doubt.go      messages that may have arrived on a stream that is lost
//	frontier.go   how far an archive is known, and what is read again
//	history.go    older messages on demand: pages of the archive, backwards
//	room.go       what is kept of rooms
//	roomevent.go  what happens in them: members, and the rows that tell of it
//	roominbox.go  who wrote what comes from them
//	roomoutbox.go who is to read what goes to them, and until when it waits
//	roomrun.go    reading their archives beside the account's own
//	gap.go        what of the archive was not read
//	order.go      places of archived messages among those that are there
//	content.go    what a message says, in no protocol's terms
//	extra.go      what a row keeps beside its columns
//	reference.go  what a message says about another one
//	readmark.go   how far others have read, and we on other devices
//	attachment.go files of messages that come in
//	transfer.go   what becomes of files: fetched, uploaded, given up
//	receipt.go    receipts and errors that come back
//	dedupe.go     the keys by which a message is known again
//	row.go        the numbers stored in rows and their names
//	killpoint.go  named points at which a test may kill the process
//
// What does not: sockets, XML and waiting. The wiring of a transport
// (core/internal/xmpplink) hands over plain values and builds stanza bytes
// through the Builder it passes in. Nothing here calls the network, and no
// user code runs in here: events are published after the commit.
//
// # Order
//
// A live message goes to the end of its conversation. That is its sender's
// order as long as the server keeps it, and servers do not when a session
// changes hands: what waits for the old connection is handed over after newer
// messages. The order of the archive is right, with two peculiarities:
//
//   - It grows in its middle. What waited is archived late, with the earlier
//     time of its sending. A cursor that follows the newest message passes it,
//     and then nothing puts it right, or finds it if it never comes live. So
//     the cursor stays half a minute behind (frontier.go), and the transport
//     reads again some seconds after a connection (xmpplink/reread.go).
//   - It has copies. A message sent again, because its sender could not know
//     that it had arrived, is in the archive again after newer ones. The first
//     copy counts, and the others move nothing (CatchUp.known).
//
// # Concurrency
//
// An Account is used by one actor goroutine for Deliver, Prepare and the
// other steps of the transport, while the app's goroutines call Enqueue.
// Exclusion is the database's single writer; an Account holds no lock.
package pipeline
