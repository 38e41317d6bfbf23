// SPDX-License-Identifier: MPL-2.0

// Package peers drives XMPP clients written by others, so that tests can talk
// to implementations that share no code with this module.
//
// [Bot] is a scripted client on python3-slixmpp, python3-oldmemo (OMEMO 0.3) and
// python3-twomemo (OMEMO 2), in a process of its own; commands and events are
// JSON lines on its standard input and output. [Profanity] is the terminal
// client profanity in a tmux of its own, told what to do by keys and read back
// from its chat log.
//
//	server := testserver.Start(t, testserver.Prosody)
//	bob := peers.StartBot(t, peers.BotConfig{Server: server, Account: server.NewAccount(t, "bob")})
//	_, err := bob.Send(ctx, peers.Outgoing{To: alice, Body: "hello", Encrypted: peers.OMEMO03})
//	event, err := bob.Await(ctx, peers.FromContact(alice))
//
// Both are started from Debian's packages; a missing one is an error that names
// it. They trust new keys blindly unless told otherwise.
//
// All methods of Bot may be called from any goroutine. Profanity has one
// keyboard: its methods must not be called at the same time.
package peers
