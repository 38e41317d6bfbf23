// SPDX-License-Identifier: MPL-2.0

// Command quickstart is a terminal messenger on the public API of
// github.com/confab-im/confab/core. It works with any XMPP server:
//
//	go run ./examples/quickstart -account alice@example.org -register
//
// It lists the conversations and then takes commands; /help names them. The
// flag -h lists the flags. Every error ends in a stable code: the SDK's, or one
// of this program, "quickstart.…".
//
// # JSON lines
//
// With -json it serves another program: it reads one JSON object a line, a
// command, and prints one a line, an event. A line of input has at most 1 MiB.
// Commands are done in turn. Each is answered by one line whose "event" is
// "reply", with the "id" of the command, a string of the caller's choice:
//
//	{"cmd":"send","id":"7","peer":"bob@example.org","body":"Hello"}
//	{"event":"reply","id":"7","ok":true,"account":"alice@example.org","message":{…}}
//	{"event":"reply","id":"8","error":"core: not a valid address","code":"core.bad-address"}
//
// A reply has "ok":true, or "error" and "code". A line that is no command has a
// reply too, without an id: quickstart.bad-json, quickstart.line-too-long.
// Fields that are empty, false or 0 are left out, save in the objects inside.
//
// # Accounts
//
// Every command takes an "account", its address. Without it, one that is about
// an account means that of the last sign-in, else that of -account, else the
// only one there is; it fails with quickstart.which-account if there are
// several, with quickstart.no-account if there is none. Events and replies
// that are about an account name it in "account".
//
// # Commands
//
// "peer" is the bare address of the other side. What a reply holds beside "ok"
// and "account" is named with each.
//
// sign-in, register: adds an account, for good, with "account" (or "jid", the
// same) and "password"; without them those of -account and -password-file. One
// that is there already is only chosen.
//
//	{"cmd":"sign-in","id":"1","account":"alice@example.org","password":"secret"}
//	{"cmd":"register","id":"2"}
//
// accounts: the reply has "accounts", each with "account", "state", "code".
//
//	{"cmd":"accounts","id":"3"}
//
// state: the reply has the "state" of the connection, as in account-state, and
// as "code" what ended the last one.
//
//	{"cmd":"state","id":"4"}
//
// network-changed: connections are tried again at once.
//
//	{"cmd":"network-changed","id":"5"}
//
// add, accept: puts "peer" on the roster; lets "peer" see our presence.
//
//	{"cmd":"add","id":"6","peer":"bob@example.org"}
//	{"cmd":"accept","id":"7","peer":"bob@example.org"}
//
// fingerprints: the reply has "own", this device, and "devices", those of
// "peer". A device has "id", "fingerprint" (64 hexadecimal digits, empty while
// unknown), "trust", and "active" if it is announced now.
//
//	{"cmd":"fingerprints","id":"8","peer":"bob@example.org"}
//
// trust: decides about the key of "peer" with "fingerprint"; "state" is
// verified, distrusted, compromised or blind.
//
//	{"cmd":"trust","id":"9","peer":"bob@example.org","fingerprint":"05…","state":"verified"}
//
// conversations: of all accounts, or of "account". The reply has
// "conversations", each with "account", "peer", "unread" and "preview", the
// most recently active first.
//
//	{"cmd":"conversations","id":"10"}
//
// search: messages with all the words in "body", of all accounts or of
// "account", out of the newest "limit" found (500 at most, and without it). The
// reply has "messages", newest first.
//
//	{"cmd":"search","id":"11","body":"good morn","limit":20}
//
// send: keeps "body" and sends it to "peer". The reply has the "message"; what
// becomes of it is told by message-changed.
//
//	{"cmd":"send","id":"12","peer":"bob@example.org","body":"Good morning"}
//
// history: the reply has up to "limit" "messages" with "peer" (500 at most, and
// without it), newest first, before the one with the "cursor" given as "before".
//
//	{"cmd":"history","id":"13","peer":"bob@example.org","limit":50,"before":1700000000000000}
//
// read: all messages of "peer" count as read.
//
//	{"cmd":"read","id":"14","peer":"bob@example.org"}
//
// encryption: how messages to "peer" travel from now on, "state" omemo or plain.
//
//	{"cmd":"encryption","id":"15","peer":"bob@example.org","state":"omemo"}
//
// quit: replies and ends the program, as the end of the input does, without a
// reply.
//
//	{"cmd":"quit","id":"16"}
//
// # Messages
//
//	{"id":1,"account":"alice@example.org","peer":"bob@example.org","sender":"bob@example.org","outgoing":false,"kind":"text","body":"Hello","at":"2026-01-02T03:04:05Z","state":"received","encryption":"omemo:2","trust":"blind","fingerprint":"05…","cursor":1767323045000000}
//
// "id" is for good. "kind" is text, or unreadable or otr with a "reason", a code.
// "state" is received; or queued, blocked (with a "reason"), sent, delivered,
// read, failed (with a "reason"). "encryption" is omemo or plain; "trust" is
// that in the sender's key, by "fingerprint", when the message came. "cursor" is
// its place in the conversation.
//
// # Events
//
// ready: commands are read. With "account" if one is meant without being named.
//
//	{"event":"ready","account":"alice@example.org"}
//
// account-state: "state" is offline, connecting, online or failed, "code" what
// went wrong, "resumed" whether the session before goes on. account-removed:
// it is gone.
//
//	{"event":"account-state","account":"alice@example.org","state":"online","resumed":true}
//	{"event":"account-removed","account":"alice@example.org"}
//
// message-added, message-changed: with the whole "message" as it is now, and its
// "peer". message-removed: "removed" is its id.
//
//	{"event":"message-added","account":"alice@example.org","peer":"bob@example.org","message":{…}}
//	{"event":"message-changed","account":"alice@example.org","peer":"bob@example.org","message":{…}}
//	{"event":"message-removed","account":"alice@example.org","peer":"bob@example.org","removed":1}
//
// conversation-changed, conversation-removed: with its "peer", if still known.
//
//	{"event":"conversation-changed","account":"alice@example.org","peer":"bob@example.org"}
//	{"event":"conversation-removed","account":"alice@example.org","peer":"bob@example.org"}
//
// history-loaded: "count" older messages with "peer" are there now.
//
//	{"event":"history-loaded","account":"alice@example.org","peer":"bob@example.org","count":50}
//
// typing: "peer" is writing a message; "state" is composing, paused or active,
// which is neither.
//
//	{"event":"typing","account":"alice@example.org","peer":"bob@example.org","state":"composing"}
//
// contact-changed, contact-request, presence-changed, trust-changed: about "peer";
// a contact-changed without one is about the whole roster.
//
//	{"event":"contact-changed","account":"alice@example.org","peer":"bob@example.org"}
//	{"event":"contact-request","account":"alice@example.org","peer":"bob@example.org"}
//	{"event":"presence-changed","account":"alice@example.org","peer":"bob@example.org"}
//	{"event":"trust-changed","account":"alice@example.org","peer":"bob@example.org"}
//
// room-changed: what a room is, or who is in it; room-invitation: somebody asks
// us into the room that "peer" is.
//
//	{"event":"room-changed","account":"alice@example.org","peer":"friends@rooms.example.org"}
//	{"event":"room-invitation","account":"alice@example.org","peer":"friends@rooms.example.org"}
//
// block-list-changed: an address is blocked or no longer is; without a "peer" any
// of them. profile-changed: what "peer" says of themselves. push-changed: waking
// by a push service is on or off, or refused for the reason in "code".
//
//	{"event":"block-list-changed","account":"alice@example.org","peer":"mallory@example.org"}
//	{"event":"profile-changed","account":"alice@example.org","peer":"bob@example.org"}
//	{"event":"push-changed","account":"alice@example.org","code":"core.push-refused"}
//
// catch-up: reading what was missed; "state" is running or done, "count" how many
// messages it has brought so far.
//
//	{"event":"catch-up","account":"alice@example.org","state":"done","count":3}
//
// storage: the database refuses writes, for the reason in "code"; without a code
// it accepts them again.
//
//	{"event":"storage","account":"alice@example.org","code":"storage.full"}
//
// gap: events were lost because nobody read the output. Ask again for what is of
// interest.
//
//	{"event":"gap"}
package main
