// SPDX-License-Identifier: MPL-2.0

// XEP-0066: Out of Band Data

package xmpp

import "github.com/confab-im/confab/network/xmpp/element"

// NSOOB is the namespace of out-of-band data in messages.
const NSOOB = "jabber:x:oob"

// maxOOB bounds the addresses read of one message.
const maxOOB = 16

// An OOB is an address that comes with a message.
type OOB struct {
	URL         string
	Description string
}

// ParseOOB reads the addresses that come with a message.
func ParseOOB(message *element.Element) []OOB {
	var list []OOB
	for x := range message.All(NSOOB, "x") {
		if len(list) == maxOOB {
			break
		}
		if u := boundedURI(x.ChildText(NSOOB, "url")); u != "" {
			list = append(list, OOB{URL: u, Description: firstBytes(x.ChildText(NSOOB, "desc"), maxDescription)})
		}
	}
	return list
}

func (o OOB) element() *element.Element {
	if o.URL == "" {
		return nil
	}
	x := element.New(NSOOB, "x").Add(element.New(NSOOB, "url").WithText(o.URL))
	if o.Description != "" {
		x.Add(element.New(NSOOB, "desc").WithText(o.Description))
	}
	return x
}
