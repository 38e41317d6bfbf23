// SPDX-License-Identifier: MPL-2.0

// Command compliance tells which levels of the XMPP Compliance Suites
// (XEP-0479) the SDK reaches as a client, server by server, from what tests
// have proved (see package proof). `make compliance` runs those tests and then
//
//	go run ./internal/compliance -proofs build/proofs.jsonl
//
// which writes compliance.md, for people, and confab.doap (XEP-0453), for
// lists of software. Nothing is in either that no test has proved; what a level
// lacks is named.
//
// An extension counts if a test proved it as an app uses it: in package core
// or through examples/quickstart. A test of package xmpp or below counts for
// what an app never sees, such as service discovery. What only works below
// core is listed as such and does not count.
package main
