// SPDX-License-Identifier: MPL-2.0

// XEP-0384: OMEMO Encryption, device lists

package xmpp

import (
	"context"
	"errors"
	"fmt"

	"mellium.im/xmpp/jid"

	"github.com/confab-im/confab/network/xmpp/element"
)

// A Device is an entry of a device list.
type Device struct {
	ID uint32
	// Label is the person's name for it, up to 256 bytes, and LabelSig its
	// signature by the device's identity key; OMEMO2 only. A label without a
	// signature that verifies must not be shown, XEP-0384 §5.3.1.
	Label    string
	LabelSig []byte
}

const maxLabel = 256

// DevicesNode returns the node of the device list.
func DevicesNode(profile uint8) string {
	if profile == OMEMO2 {
		return NSOMEMO2 + ":devices"
	}
	return NSOMEMO03 + ".devicelist"
}

// NotifyDevices returns the feature that subscribes to the device lists of all
// contacts, XEP-0163 §4. That of OMEMO03 is always announced.
func NotifyDevices(profile uint8) string { return DevicesNode(profile) + "+notify" }

func listName(profile uint8) string {
	if profile == OMEMO2 {
		return "devices"
	}
	return "list"
}

// ParseDevices reads the payload of a device list of either profile. Entries
// with an impossible id, repeated ones and those beyond [MaxDevices] are left
// out.
//
// Errors: [ErrMalformed].
func ParseDevices(list *element.Element) (profile uint8, devices []Device, err error) {
	if !list.Is(NSOMEMO03, listName(OMEMO03)) && !list.Is(NSOMEMO2, listName(OMEMO2)) {
		return 0, nil, fmt.Errorf("parse device list: %w", ErrMalformed)
	}
	seen := make(map[uint32]bool)
	for x := range list.All(list.Name.Space, "device") {
		id, err := parseID(x.AttrValue("id"))
		if err != nil || seen[id] {
			continue
		}
		if len(devices) >= MaxDevices {
			break
		}
		seen[id] = true
		d := Device{ID: id}
		label, sig := x.AttrValue("label"), x.AttrValue("labelsig")
		if b, err := decodeBase64(sig); err == nil && label != "" && len(label) <= maxLabel && len(b) == signatureSize {
			d.Label, d.LabelSig = label, b
		}
		devices = append(devices, d)
	}
	return profileOf(list.Name.Space), devices, nil
}

// DevicesElement builds the payload of a device list.
func DevicesElement(profile uint8, devices []Device) *element.Element {
	ns := namespaceOf(profile)
	list := element.New(ns, listName(profile))
	for _, d := range devices {
		x := element.New(ns, "device").With("id", formatID(d.ID))
		if profile == OMEMO2 && d.Label != "" && len(d.LabelSig) > 0 {
			x.With("label", d.Label).With("labelsig", encodeBase64(d.LabelSig))
		}
		list.Add(x)
	}
	return list
}

// Devices returns the device list of a profile in a notification, false when it
// is about something else. A list that was retracted or deleted, or that cannot
// be read, says nothing about the devices and is none.
func (ev *Event) Devices(profile uint8) ([]Device, bool) {
	if ev.Node != DevicesNode(profile) {
		return nil, false
	}
	devices, err := devicesIn(ev.Items, profile)
	return devices, err == nil
}

// devicesIn reads the list in items of its node: that of the item "current",
// or else of the first one.
func devicesIn(items []Item, profile uint8) ([]Device, error) {
	item := current(items)
	if item == nil {
		return nil, fmt.Errorf("read device list: %w", ErrNoNode)
	}
	got, devices, err := ParseDevices(item.Payload)
	if err == nil && got != profile {
		err = fmt.Errorf("read device list: %w: other profile", ErrMalformed)
	}
	return devices, err
}

func current(items []Item) *Item {
	for i := range items {
		if items[i].ID == CurrentItem {
			return &items[i]
		}
	}
	if len(items) > 0 {
		return &items[0]
	}
	return nil
}

// FetchDevices fetches the device list of an account.
//
// Errors: [ErrNoNode] when the account has none, [ErrMalformed], and those of
// [Client.FetchItems].
func (c *Client) FetchDevices(ctx context.Context, of jid.JID, profile uint8) ([]Device, error) {
	items, err := c.FetchItems(ctx, of, DevicesNode(profile), 0)
	if err != nil {
		return nil, fmt.Errorf("fetch device list: %w", err)
	}
	return devicesIn(items, profile)
}

// PublishDevices publishes the device list of our account for everybody.
//
// Errors: those of [Client.Publish].
func (c *Client) PublishDevices(ctx context.Context, profile uint8, devices []Device) error {
	_, err := c.Publish(ctx, DevicesNode(profile), CurrentItem, DevicesElement(profile, devices), NodeConfig{Access: AccessOpen})
	if err != nil {
		return fmt.Errorf("publish device list: %w", err)
	}
	return nil
}

// DeleteBundle deletes the bundle of a device of our account. One that is not
// there is no error.
//
// Errors: those of [stream.Stream.IQ].
func (c *Client) DeleteBundle(ctx context.Context, profile uint8, device uint32) error {
	node, item := bundleNode(profile, device)
	var err error
	if profile == OMEMO2 {
		err = c.RetractItem(ctx, node, item)
	} else {
		err = c.DeleteNode(ctx, node)
	}
	if err != nil && !errors.Is(err, ErrNoNode) {
		return fmt.Errorf("delete bundle: %w", err)
	}
	return nil
}
