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
// conversations: of all accounts, or of "account". The reply has
// "conversations", each with "account", "peer", "unread" and "preview", the
// most recently active first; with "state" requests only those that strangers
// have begun, which have "request":true and are not among the others.
//
//	{"cmd":"conversations","id":"10"}
//	{"cmd":"conversations","id":"10","state":"requests"}
//
// search: messages with all the words in "body", of all accounts or of
// "account", out of the newest "limit" found (500 at most, and without it). The
// reply has "messages", newest first.
//
//	{"cmd":"search","id":"11","body":"good morn","limit":20}
//
// send: keeps "body" and sends it to "peer". The reply has the "message"; what
// becomes of it is told by message-changed. With a "message", the id of one, it
// answers that.
//
//	{"cmd":"send","id":"12","peer":"bob@example.org","body":"Good morning"}
//	{"cmd":"send","id":"12","peer":"bob@example.org","body":"So it is","message":7}
//
// history: the reply has up to "limit" "messages" with "peer" (500 at most, and
// without it), newest first, before the one with the "cursor" given as "before".
//
//	{"cmd":"history","id":"13","peer":"bob@example.org","limit":50,"before":1700000000000000}
//
// older: loads "limit" messages (100 without it) that only the server has into
// the newest gap. The reply has as "count" how many there were, and "more" if
// there are more.
//
//	{"cmd":"older","id":"13","peer":"bob@example.org","limit":50}
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
// # Devices
//
// fingerprints: the reply has "own", this device, and "devices", those of
// "peer". A device has "id", "fingerprint" (64 hexadecimal digits, empty while
// unknown), "trust", and "active" if it is announced now; its "label", what it
// calls itself; "idle" for one of one's own without a sign of life for long.
//
//	{"cmd":"fingerprints","id":"20","peer":"bob@example.org"}
//
// trust: decides about the key of "peer" with "fingerprint"; "state" is
// verified, distrusted, compromised or blind. blind-trust: whether new keys of
// "peer" are trusted blindly while none is verified, "state" on or off.
//
//	{"cmd":"trust","id":"21","peer":"bob@example.org","fingerprint":"05…","state":"verified"}
//	{"cmd":"blind-trust","id":"22","peer":"bob@example.org","state":"off"}
//
// uri: the reply has the "uri" with the own keys, for others to scan. verify:
// takes the "uri" that its owner has shown. The reply names the "peer", its
// "keys", each with "id", "fingerprint" and "outcome", and as "devices" those
// that the URI does not name. An outcome is verified, awaited, mismatch,
// compromised or own.
//
//	{"cmd":"uri","id":"23"}
//	{"cmd":"verify","id":"24","uri":"xmpp:bob@example.org?omemo-sid-1=05…"}
//
// own-devices: the reply has the account's own "devices", this one first.
// prune: takes "device" off their list. label: calls this one "body".
//
//	{"cmd":"own-devices","id":"25"}
//	{"cmd":"prune","id":"26","device":1}
//	{"cmd":"label","id":"27","body":"Alice's phone"}
//
// repair: begins new encrypted sessions with "device" of "peer", or all of
// theirs. accept-key: lets that device have the new key with "fingerprint".
//
//	{"cmd":"repair","id":"28","peer":"bob@example.org","device":1}
//	{"cmd":"accept-key","id":"29","peer":"bob@example.org","device":1,"fingerprint":"05…"}
//
// # Messages that are there
//
// "message" is the id of one in the conversation with "peer".
//
// edit: gives a message of ours another text, "body". edits: the reply has its
// "edits", all texts it has had, each with "at" and "body", the first one first.
// retract: takes one of ours back.
//
//	{"cmd":"edit","id":"30","peer":"bob@example.org","message":7,"body":"Good evening"}
//	{"cmd":"edits","id":"31","message":7}
//	{"cmd":"retract","id":"32","peer":"bob@example.org","message":7}
//
// react: shows "emojis" under a message in the place of those before; none takes
// them back.
//
//	{"cmd":"react","id":"33","peer":"bob@example.org","message":7,"emojis":["👍"]}
//
// readers: the reply has "readers", each with "person", "nick" in a room,
// "cursor", up to which they have read, and "at"; with a "message" those who have
// read that.
//
//	{"cmd":"readers","id":"34","peer":"bob@example.org","message":7}
//
// typing: tells "peer" the "state", composing, paused or active. disclosure: what
// others are told at all, "state" all, read-marks, typing or none; "peer" alone
// or, without one, all others.
//
//	{"cmd":"typing","id":"35","peer":"bob@example.org","state":"composing"}
//	{"cmd":"disclosure","id":"36","state":"none"}
//
// # Files
//
// send-file: sends the file at "path" to "peer", called "name" if that is given,
// and then "body" if there is one. The reply has the "message". Pictures are
// scaled and say no longer where they were taken.
//
//	{"cmd":"send-file","id":"37","peer":"bob@example.org","path":"/home/alice/photo.jpg","body":"Look"}
//
// files: the reply has the "files" of "message", or the newest with "peer". A
// file has "id", "message", "name", "media_type", "size" in bytes (-1 if it is
// not known), "width" and "height" in pixels or "seconds" where they apply,
// "encrypted", and "state": remote, offered, downloading, here, broken; of ours
// uploading, here or unsent; with a "reason" if something is wrong.
//
//	{"cmd":"files","id":"38","message":7}
//	{"cmd":"files","id":"38","peer":"bob@example.org","limit":20}
//
// download: has the file "attachment" fetched; transfer tells of it. cancel: ends
// that, or an upload. save: writes a copy of one that is here to "path".
//
//	{"cmd":"download","id":"39","attachment":3}
//	{"cmd":"cancel","id":"39","attachment":3}
//	{"cmd":"save","id":"39","attachment":3,"path":"/tmp/photo.jpg"}
//
// # Rooms
//
// The "peer" of these is the address of a room; so it is of send, history and
// the like for what is said in one. "who" is a person's address, "nick" what
// somebody is called in the room, "reason" words that go along.
//
// create-room: makes a room called "name" and invites "members": a closed group,
// encrypted, or with "public":true one that anybody can enter and nothing is
// encrypted in. Without "peer" it gets an address that nobody can guess. join:
// enters one, if need be with "password". Both call us "nick", and their reply
// has the "room", as that of room has.
//
//	{"cmd":"create-room","id":"40","name":"Friends","members":["bob@example.org"]}
//	{"cmd":"join","id":"41","peer":"friends@rooms.example.org","nick":"Alice"}
//	{"cmd":"room","id":"42","peer":"friends@rooms.example.org"}
//
// A room has "peer", "name", "subject", our "nick", "wanted" if we mean to be in
// it, "joined" if we are, our "affiliation" and "role", "encryptable", and as
// "reason" why we are not in it. rooms: the reply has all "rooms" that we are or
// were in. public-rooms: those that the service "peer" lists, or one of the own
// server.
//
//	{"cmd":"rooms","id":"43"}
//	{"cmd":"public-rooms","id":"44","limit":50}
//
// invite: asks "who" into the room. invitations: the reply has "invitations" to
// us, each with "peer", "from", "reason" and "at"; join accepts one and
// decline-invitation does not.
//
//	{"cmd":"invite","id":"45","peer":"friends@rooms.example.org","who":"carol@example.org"}
//	{"cmd":"invitations","id":"46"}
//	{"cmd":"decline-invitation","id":"47","peer":"friends@rooms.example.org","reason":"Not now"}
//
// members: the reply has "members", who belongs to the room, each with "jid",
// "nick" and "affiliation". occupants: who is in it now, also with "role" and,
// of us, "self". without-devices: as "peers" the members who could read nothing,
// for whom messages wait; leave-out: the "members" not to wait for.
//
//	{"cmd":"members","id":"48","peer":"friends@rooms.example.org"}
//	{"cmd":"occupants","id":"49","peer":"friends@rooms.example.org"}
//	{"cmd":"without-devices","id":"50","peer":"friends@rooms.example.org"}
//	{"cmd":"leave-out","id":"51","peer":"friends@rooms.example.org","members":["dave@example.org"]}
//
// affiliation: makes "who" something else, "state" none, member, admin, owner or
// outcast. role: the same for "nick", until they leave, none, visitor,
// participant or moderator. kick: makes "nick" leave. moderate: takes back
// "message" of anybody.
//
//	{"cmd":"affiliation","id":"52","peer":"friends@rooms.example.org","who":"bob@example.org","state":"admin"}
//	{"cmd":"role","id":"53","peer":"friends@rooms.example.org","nick":"Bob","state":"moderator"}
//	{"cmd":"kick","id":"54","peer":"friends@rooms.example.org","nick":"Bob","reason":"Noise"}
//	{"cmd":"moderate","id":"55","peer":"friends@rooms.example.org","message":7,"reason":"Spam"}
//
// nick: calls us "nick". subject: "body" is what is talked about. leave: leaves
// for good. destroy-room: ends it for everybody.
//
//	{"cmd":"nick","id":"56","peer":"friends@rooms.example.org","nick":"Al"}
//	{"cmd":"subject","id":"57","peer":"friends@rooms.example.org","body":"Tonight"}
//	{"cmd":"leave","id":"58","peer":"friends@rooms.example.org"}
//	{"cmd":"destroy-room","id":"59","peer":"friends@rooms.example.org"}
//
// # Strangers
//
// requests: the reply has as "peers" who asks to see our presence. deny: says no.
// accept-conversation: makes a conversation that "peer" has begun one like
// others; decline-conversation: removes it and denies what they ask.
//
//	{"cmd":"requests","id":"60"}
//	{"cmd":"deny","id":"61","peer":"mallory@example.org"}
//	{"cmd":"accept-conversation","id":"62","peer":"dave@example.org"}
//	{"cmd":"decline-conversation","id":"63","peer":"mallory@example.org"}
//
// block: lets nothing through from "peer", which may be a whole domain; with
// "reason" spam or abuse the server is told, with "body" in our words and the ids
// of received "messages" that show it. blocked: the reply has all as "peers".
//
//	{"cmd":"block","id":"64","peer":"mallory@example.org","reason":"spam","body":"Every day","messages":[7]}
//	{"cmd":"unblock","id":"65","peer":"mallory@example.org"}
//	{"cmd":"blocked","id":"66"}
//
// # Links
//
// contact-link: the reply has a "link" for somebody to become our contact with,
// who is told that we are "name": its "uri", the "landing_page" of the server if
// there is one, when it "expires", and "opens_account" if it serves to register
// too. Whoever has it is let in, once.
//
//	{"cmd":"contact-link","id":"80","name":"Alice"}
//
// read-link: the reply has as "link" what "uri" would do, which anybody may have
// written: "action" chat, contact, room, register or other, the "peer", its
// "name", the "body" of a message, and "opens_account". follow-link: makes its
// "peer" our contact. register-with-link: registers "account" with "password".
//
//	{"cmd":"read-link","id":"81","uri":"xmpp:bob@example.org?roster;preauth=1tMFqYDdKhfe2pwp"}
//	{"cmd":"follow-link","id":"82","uri":"xmpp:bob@example.org?roster;preauth=1tMFqYDdKhfe2pwp"}
//	{"cmd":"register-with-link","id":"83","account":"carol@example.org","password":"secret","uri":"xmpp:bob@example.org?roster;preauth=1tMFqYDdKhfe2pwp;ibr=y"}
//
// # Profiles, servers and push
//
// profile: the reply has the "profile" of "peer", ours without one, with "jid",
// "nick" and "avatar", the name of a picture; refresh-profile asks for it first.
// save-avatar: writes the picture called "avatar" to "path".
//
//	{"cmd":"profile","id":"70","peer":"bob@example.org"}
//	{"cmd":"refresh-profile","id":"71","peer":"bob@example.org"}
//	{"cmd":"save-avatar","id":"72","avatar":"da39a3ee5e6b4b0d3255bfef95601890afd80709","path":"/tmp/bob.jpg"}
//
// set-nick, set-avatar: tell others to call us "nick" and to show the picture at
// "path", or no longer to without one.
//
//	{"cmd":"set-nick","id":"73","nick":"Alice"}
//	{"cmd":"set-avatar","id":"74","path":"/home/alice/me.jpg"}
//
// server: the reply has "server", what the account's server offers: "features",
// each with "xep", "name" and "offered"; "max_upload" in bytes, 0 if it is not
// said; "contacts", lists of URIs under abuse, admin, feedback, sales, security,
// status and support; and "relays" for calls.
//
//	{"cmd":"server","id":"78"}
//
// enable-push: has the "service" wake us, by the "node" that it has given and the
// "options" it wants. push: the reply has "push", with "service", "enabled" and
// as "code" why it is not, if enable-push was given. disable-push ends it.
//
//	{"cmd":"enable-push","id":"75","service":"push.example.org","node":"f3a1","options":{"secret":"x"}}
//	{"cmd":"push","id":"76"}
//	{"cmd":"disable-push","id":"77"}
//
// # Messages
//
//	{"id":1,"account":"alice@example.org","peer":"bob@example.org","sender":"bob@example.org","outgoing":false,"kind":"text","body":"Hello","at":"2026-01-02T03:04:05Z","state":"received","encryption":"omemo:2","trust":"blind","fingerprint":"05…","cursor":1767323045000000}
//
// "id" is for good. "kind" is text; unreadable or otr with a "reason", a code; or
// notice of what happened in a room, whose "notice" has "code", "who", "by",
// "reason" and "text".
// "state" is received; or queued, blocked (with a "reason"), sent, delivered,
// read, failed (with a "reason"). "encryption" is omemo or plain; "trust" is
// that in the sender's key, by "fingerprint", when the message came. "cursor" is
// its place in the conversation.
//
// What follows is there only where it applies. "nick" is the sender's in a room,
// "mentioned" that it names us there. "reply" is what it answers, with "message"
// (0 if it is not here), "author" and "quote". "edited" is when its text was
// written, if it was corrected. "retracted" has "at", "by" and "reason", and
// "unproven" if anybody may have done it. "reactions" have an "emoji", "by" whom,
// and "own" if we are one of them. "files" is how many it has. "after_gap" says that before it messages may
// be missing, see older.
//
//	{"id":2,"account":"alice@example.org","peer":"bob@example.org","sender":"alice@example.org","outgoing":true,"kind":"text","body":"Hi","at":"2026-01-02T03:04:06Z","state":"read","encryption":"omemo:2","trust":"verified","cursor":1767323046000000,"reply":{"message":1,"author":"bob@example.org","quote":"Hello"},"edited":"2026-01-02T03:04:09Z","reactions":[{"emoji":"👍","by":["bob@example.org"],"own":false}]}
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
// typing: "peer" is writing a message, in a room "nick"; "state" is composing,
// paused or active, which is neither.
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
// transfer: the file "attachment" that is shared with "peer" went "done" bytes of
// "size" on its way, or its "state" has changed, or it is held up for the reason
// in "code".
//
//	{"event":"transfer","account":"alice@example.org","peer":"bob@example.org","attachment":3,"state":"downloading","done":65536,"size":1048576}
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
