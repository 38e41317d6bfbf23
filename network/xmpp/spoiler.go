// SPDX-License-Identifier: MPL-2.0

// XEP-0382: Spoiler Messages

package xmpp

import "github.com/confab-im/confab/network/xmpp/element"

// NSSpoiler is the namespace of spoiler messages.
const NSSpoiler = "urn:xmpp:spoiler:0"

// A Spoiler says not to show the message until its reader asks for it.
type Spoiler struct {
	Hint string // what it is about; may be empty
}

// ParseSpoiler reads whether a message is a spoiler, nil when it is none.
func ParseSpoiler(message *element.Element) *Spoiler {
	var s *Spoiler
	for x := range message.All(NSSpoiler, "spoiler") {
		if _, ok := x.LookupAttr(element.NSXML, "lang"); s == nil || !ok {
			s = &Spoiler{Hint: firstBytes(x.Text, maxDescription)}
			if !ok {
				break
			}
		}
	}
	return s
}

func (s *Spoiler) element() *element.Element {
	if s == nil {
		return nil
	}
	return element.New(NSSpoiler, "spoiler").WithText(s.Hint)
}
