// SPDX-License-Identifier: MPL-2.0

package main

import "strings"

// edition is that of the suites below: XEP-0479 version 0.1.0.
const edition = "XMPP Compliance Suites 2023 (XEP-0479, version 0.1.0)"

// A category of the suites, with what it asks of clients.
type category struct {
	name     string
	features []feature
}

// A feature is provided by all of its standards together.
type feature struct {
	name      string
	core      bool // asked for at level Core; at level Advanced all are
	standards []string
}

// suites are those that a client library for people's messages can reach; Web
// is about browsers, A/V Calling about calls, which the SDK does not offer.
var suites = []category{
	{"Core", []feature{
		{"Core features", true, []string{"RFC6120"}},
		{"TLS", true, []string{"RFC7590"}},
		{"Direct TLS", false, []string{"0368"}},
		{"Feature discovery", true, []string{"0030"}},
		{"Feature broadcasts", true, []string{"0115"}},
		{"Event publishing", false, []string{"0163"}},
	}},
	{"IM", []feature{
		{"Core features", true, []string{"RFC6121"}},
		{"The /me command", true, []string{"0245"}},
		{"User avatars", false, []string{"0084"}},
		{"User avatar compatibility", false, []string{"0398", "0153"}},
		{"vcard-temp", true, []string{"0054"}},
		{"Outbound message synchronization", true, []string{"0280"}},
		{"User blocking", false, []string{"0191"}},
		{"Group chat", true, []string{"0045", "0249"}},
		{"Advanced group chat", false, []string{"0048", "0313/muc", "0402", "0410"}},
		{"Persistent storage of private data via PubSub", false, []string{"0223"}},
		{"Private XML storage", false, []string{"0049"}},
		{"Stream management", false, []string{"0198"}},
		{"Message acknowledgements", false, []string{"0184"}},
		{"History storage and retrieval", false, []string{"0313"}},
		{"Chat states", false, []string{"0085"}},
		{"Message correction", false, []string{"0308"}},
		{"File upload", true, []string{"0363"}},
		{"Direct file transfer", false, []string{"0234", "0261"}},
	}},
	{"Mobile", []feature{
		{"Stream management", true, []string{"0198"}},
		{"Client state indication", true, []string{"0352"}},
		{"Third-party push notifications", false, []string{"0357"}},
	}},
}

// unseen are the standards whose work an app of the SDK does not see, though
// package core depends on each.
var unseen = map[string]bool{
	"RFC7590": true, "0030": true, "0048": true, "0049": true, "0115": true, "0198": true, "0223": true, "0352": true,
	"0368": true, "0410": true,
}

// titleOf returns the title of a standard, empty if it is not known.
func titleOf(standard string) string {
	number, room := strings.CutSuffix(standard, "/muc")
	if room && titles[number] != "" {
		return titles[number] + ", in rooms"
	}
	return titles[number]
}

// titles are those of the standards that tests may prove.
var titles = map[string]string{
	"RFC6120": "XMPP: Core",
	"RFC6121": "XMPP: Instant Messaging and Presence",
	"RFC7590": "Use of TLS in XMPP",
	"0004":    "Data Forms",
	"0030":    "Service Discovery",
	"0045":    "Multi-User Chat",
	"0048":    "Bookmarks",
	"0049":    "Private XML Storage",
	"0054":    "vcard-temp",
	"0066":    "Out of Band Data",
	"0077":    "In-Band Registration",
	"0084":    "User Avatar",
	"0085":    "Chat State Notifications",
	"0092":    "Software Version",
	"0115":    "Entity Capabilities",
	"0153":    "vCard-Based Avatars",
	"0157":    "Contact Addresses for XMPP Services",
	"0158":    "CAPTCHA Forms",
	"0163":    "Personal Eventing Protocol",
	"0172":    "User Nickname",
	"0184":    "Message Delivery Receipts",
	"0191":    "Blocking Command",
	"0198":    "Stream Management",
	"0199":    "XMPP Ping",
	"0202":    "Entity Time",
	"0203":    "Delayed Delivery",
	"0215":    "External Service Discovery",
	"0221":    "Data Forms Media Element",
	"0223":    "Persistent Storage of Private Data via PubSub",
	"0234":    "Jingle File Transfer",
	"0245":    "The /me Command",
	"0249":    "Direct MUC Invitations",
	"0261":    "Jingle In-Band Bytestreams Transport Method",
	"0280":    "Message Carbons",
	"0292":    "vCard4 Over XMPP",
	"0297":    "Stanza Forwarding",
	"0300":    "Use of Cryptographic Hash Functions in XMPP",
	"0308":    "Last Message Correction",
	"0313":    "Message Archive Management",
	"0317":    "Hats",
	"0333":    "Displayed Markers",
	"0334":    "Message Processing Hints",
	"0352":    "Client State Indication",
	"0357":    "Push Notifications",
	"0359":    "Unique and Stable Stanza IDs",
	"0363":    "HTTP File Upload",
	"0368":    "SRV records for XMPP over TLS",
	"0372":    "References",
	"0377":    "Blocking Command Reports",
	"0379":    "Pre-Authenticated Roster Subscription",
	"0380":    "Explicit Message Encryption",
	"0382":    "Spoiler messages",
	"0384":    "OMEMO Encryption",
	"0385":    "Stateless Inline Media Sharing (SIMS)",
	"0386":    "Bind 2",
	"0388":    "Extensible SASL Profile",
	"0393":    "Message Styling",
	"0398":    "User Avatar to vCard-Based Avatars Conversion",
	"0401":    "Ad-hoc Account Invitation Generation",
	"0402":    "PEP Native Bookmarks",
	"0410":    "MUC Self-Ping (Schrödinger's Chat)",
	"0420":    "Stanza Content Encryption",
	"0421":    "Occupant identifiers for semi-anonymous MUCs",
	"0424":    "Message Retraction",
	"0425":    "Moderated Message Retraction",
	"0428":    "Fallback Indication",
	"0440":    "SASL Channel-Binding Type Capability",
	"0444":    "Message Reactions",
	"0445":    "Pre-Authenticated In-Band Registration",
	"0446":    "File metadata element",
	"0447":    "Stateless file sharing",
	"0448":    "Encryption for stateless file sharing",
	"0454":    "OMEMO Media sharing",
	"0461":    "Message Replies",
	"0474":    "SASL SCRAM Downgrade Protection",
	"0478":    "Stream Limits Advertisement",
	"0480":    "SASL Upgrade Tasks",
	"0486":    "MUC Avatars",
	"0490":    "Message Displayed Synchronization",
}
