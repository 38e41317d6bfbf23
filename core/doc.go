// SPDX-License-Identifier: MPL-2.0

// Package core is the SDK: open a Client on an encrypted database, add
// accounts, read conversations, send messages, follow events.
//
// Three promises hold whatever the network, the server or the process does:
// nothing is lost, nothing is shown twice, nobody else reads it. They rest on
// one rule, kept in core/internal/pipeline: everything that belongs to a
// message moves in one database transaction, and only after its commit is
// anything acknowledged to the server.
//
// # The map: X lives in Y
//
//	open, close, configuration        core/client.go, core/config.go
//	accounts: sign in, register       core/account.go
//	contacts and presence             core/contact.go
//	nicknames and pictures            core/profile.go
//	being woken by a push service     core/push.go
//	what a server offers              core/report.go
//	links, invitations by links       core/invite.go
//	blocking and reports              core/block.go
//	what strangers write              core/request.go
//	conversations, unread, drafts     core/conversation.go
//	messages, history, search         core/message.go
//	sending                           core/send.go
//	corrections and retractions       core/edit.go
//	reactions                         core/reaction.go
//	answers                           core/reply.go
//	what was read, here and elsewhere core/readstate.go
//	who is typing                     core/typing.go
//	fingerprints and trust decisions  core/trust.go, core/device.go
//	verification by scanning          core/verify.go, core/qr
//	sessions that broke, changed keys core/repair.go
//	why a message cannot be read      core/explain.go
//	files of messages                 core/attachment.go, core/sendfile.go, core/media.go
//	files on the disk                 core/internal/mediadir
//	events and subscriptions          core/event.go, core/internal/event
//	rooms: reading, members           core/room.go
//	rooms: making, joining, inviting  core/room_invite.go
//	rooms: administration, notices    core/room_admin.go
//	errors and their codes            core/errors.go
//	styles, links, emoji in a text    core/text
//	thumbnails                        core/internal/picture
//	use of the database, after Close  core/database.go
//	the transactions in and out       core/internal/pipeline
//	the wiring of an XMPP account     core/internal/xmpplink
//	XMPP, one file per extension      network/xmpp
//	dialling, TLS, SASL, XEP-0198     network/xmpp/dial, /sasl, /stream
//	the XML of stanzas                network/xmpp/element
//	files over HTTPS                  network/transfer
//	OMEMO devices and envelopes       crypto/omemo
//	trust as a decision table         crypto/trust
//	encrypted files                   crypto/media
//	session engines                   crypto/engine, crypto/ratchet (the default), crypto/libsignal
//	the encrypted database            storage
//	who may import whom               core/deps_test.go, ARCHITECTURE.md
//
// # Concurrency
//
// Every method may be called from any goroutine. One actor goroutine per
// account does all work of its connection; Send and the reads only touch the
// database. No callback exists: an app reads events from a Subscription at its
// own pace and re-reads after a Gap. Close joins every goroutine.
//
// # What it does not do
//
// It draws nothing, binds to no other language than Go, and keeps no second
// copy of anything in memory: the database is the truth.
package core
