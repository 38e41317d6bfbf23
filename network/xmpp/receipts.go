// SPDX-License-Identifier: MPL-2.0

// XEP-0184: Message Delivery Receipts

package xmpp

import (
	"mellium.im/xmpp/receipts"

	"github.com/confab-im/confab/network/xmpp/element"
)

// ReceiptInfo is the receipt part of a message: a request, an answer or both.
type ReceiptInfo struct {
	Request  bool   // the sender wants to know of the delivery
	Received string // id of the message that was delivered; only its recipient may say so
}

// ParseReceipt reads the receipt part of a message, nil when there is none. An
// answer without an id, as XEP-0184 had it before version 1.1, says nothing.
func ParseReceipt(message *element.Element) *ReceiptInfo {
	r := ReceiptInfo{
		Request:  message.Child(receipts.NS, "request") != nil,
		Received: message.Child(receipts.NS, "received").AttrValue("id"),
	}
	if r == (ReceiptInfo{}) {
		return nil
	}
	return &r
}

func (r *ReceiptInfo) appendTo(message *element.Element) {
	if r == nil {
		return
	}
	if r.Request {
		message.Add(element.New(receipts.NS, "request"))
	}
	if r.Received != "" {
		message.Add(element.New(receipts.NS, "received").With("id", r.Received))
	}
}
