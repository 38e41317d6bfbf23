// SPDX-License-Identifier: MPL-2.0

// Package xmpp is one XMPP account: the stream of package stream with one file
// per protocol extension on top.
//
//	client.go                   Client, Config
//	message.go, presence.go     RFC 6121 stanzas, decoded once
//	roster.go                   RFC 6121 contact list
//	iq.go                       answers to the requests of others
//	forms.go                    XEP-0004 Data Forms
//	disco.go                    XEP-0030 Service Discovery
//	muc*.go                     XEP-0045 Multi-User Chat, XEP-0249 Direct MUC Invitations
//	bookmarkslegacy.go          XEP-0048 Bookmarks, in XEP-0049 and PEP
//	rsm.go                      XEP-0059 Result Set Management
//	pep.go, pepconfig.go        XEP-0060 Publish-Subscribe, XEP-0163 PEP
//	oob.go                      XEP-0066 Out of Band Data
//	register.go, bare.go        XEP-0077 In-Band Registration, XEP-0445
//	avatar.go                   XEP-0084 User Avatar
//	chatstates.go               XEP-0085 Chat State Notifications
//	version.go                  XEP-0092 Software Version
//	caps.go                     XEP-0115 Entity Capabilities
//	vcardavatar.go              XEP-0153 vCard-Based Avatars, XEP-0398
//	serverreport.go             XEP-0157 Contact Addresses, what a server offers
//	nick.go                     XEP-0172 User Nickname
//	receipts.go                 XEP-0184 Message Delivery Receipts
//	blocking.go                 XEP-0191 Blocking Command, XEP-0377 Spam Reporting
//	ping.go                     XEP-0199 XMPP Ping
//	time.go                     XEP-0202 Entity Time
//	delay.go                    XEP-0203 Delayed Delivery
//	extservices.go              XEP-0215 External Service Discovery
//	thumbnails.go               XEP-0264 Jingle Content Thumbnails
//	carbons.go                  XEP-0280 Message Carbons
//	forward.go                  XEP-0297 Stanza Forwarding
//	hashes.go                   XEP-0300 Cryptographic Hash Functions
//	correction.go               XEP-0308 Last Message Correction
//	mam.go, archives.go         XEP-0313 Message Archive Management
//	hats.go                     XEP-0317 Hats
//	markers.go                  XEP-0333 Displayed Markers
//	hints.go                    XEP-0334 Message Processing Hints
//	csi.go                      XEP-0352 Client State Indication
//	push.go                     XEP-0357 Push Notifications
//	stanzaid.go                 XEP-0359 Unique and Stable Stanza IDs
//	upload.go                   XEP-0363 HTTP File Upload, its XMPP side; see package transfer
//	otr.go                      XEP-0364 Off-the-Record Messaging, recognised only
//	references.go               XEP-0372 References
//	invite.go                   XEP-0379 Pre-Authenticated Roster Subscription, XEP-0401
//	eme.go                      XEP-0380 Explicit Message Encryption
//	spoiler.go                  XEP-0382 Spoiler Messages
//	omemo.go, omemodevices.go,
//	omemobundle.go              XEP-0384 OMEMO Encryption, wire format only
//	sims.go                     XEP-0385 Stateless Inline Media Sharing, read only
//	styling.go                  XEP-0393 Message Styling: its one element
//	bookmarks.go                XEP-0402 PEP Native Bookmarks, XEP-0411
//	selfping.go                 XEP-0410 MUC Self-Ping
//	sce.go                      XEP-0420 Stanza Content Encryption
//	occupantid.go               XEP-0421 Occupant identifiers
//	retraction.go               XEP-0424 Message Retraction
//	moderation.go               XEP-0425 Moderated Message Retraction
//	fallback.go                 XEP-0428 Fallback Indication
//	reactions.go                XEP-0444 Message Reactions
//	filemetadata.go             XEP-0446 File Metadata
//	sfs.go                      XEP-0447 Stateless File Sharing
//	esfs.go                     XEP-0448 Encryption for Stateless File Sharing
//	reply.go                    XEP-0461 Message Replies
//	mucavatar.go                XEP-0486 MUC Avatars
//	mds.go                      XEP-0490 Message Displayed Synchronization
//	uri.go                      RFC 5122 xmpp URIs, XEP-0147
//	content.go                  all of these that a message or an envelope can hold
//
// An extension has functions that read and build its elements, and if it asks
// something of a server, methods of [Client]. A new one is a new file; if it
// answers requests, a line in the table of iq.go; if it comes with messages, a
// line in parseMessage.
//
// What this package does not do: it stores nothing, encrypts nothing and
// decides nothing. Stanzas come out of Next as elements; [ParseMessage] and its
// like turn them into values after checking that the sender may say what they
// say. Carbon copies, archive results, roster pushes and stanza-ids from
// anybody else are refused here, once for everybody above.
//
// # Why so few payload types of mellium.im/xmpp
//
// Addresses, stanza types and errors, namespaces, disco identities, entity time
// and namespaces are its. Of its payload types those are not used which decode
// by reflection on every message (delay, forward, carbons, receipts), fail as a
// whole on one bad attribute (stanza.Error, paging.Set), lose what is needed
// (roster.Item, form.Data, muc.Item, bookmarks.Channel), or compute capabilities hashes that can be fooled
// (disco.Info); each file says so. Its functions that take an xmpp.Session are
// out of reach, as that session ends with the negotiation of the stream.
//
// # Concurrency
//
// All methods of [Client] may be called by many goroutines at once. Run owns
// one goroutine in addition to those of the stream; it answers requests of
// others and calls Config.Trusts. Everything parsed is the caller's.
package xmpp
