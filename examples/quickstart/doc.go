// SPDX-License-Identifier: MPL-2.0

// Command quickstart is a terminal messenger on the public API of
// github.com/confab-im/confab/core. It works with any XMPP server:
//
//	go run ./examples/quickstart -account alice@example.org -register
//
// It lists the conversations and then takes commands; /help names them. With
// -json it reads commands and prints events as JSON lines instead (json.go
// lists them), so that it serves as a bot and other programs can drive it.
//
// This command links crypto/libsignal, which is GPL-3.0, as its session
// engine. The SDK itself does not.
package main
