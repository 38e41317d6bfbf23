// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/confab-im/confab/core"
)

var deviceSlashes = []slash{
	{name: "/fingerprints", help: "devices of both sides", inChat: true, do: (*terminal).fingerprints},
	{name: "/trust", arguments: "FINGERPRINT STATE", help: "verified, distrusted, compromised or blind", inChat: true, do: (*terminal).trust},
	{name: "/verify", arguments: "[URI]", help: "verify what somebody has shown you, or show yours", do: (*terminal).verify},
	{name: "/devices", help: "your devices", do: (*terminal).devices},
}

func (t *terminal) fingerprints(ctx context.Context, _ string) error {
	own, err := t.account.OwnDevice(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "you, this device:\n  %s\n%s:\n", core.FormatFingerprint(own.Fingerprint), visible(t.chat.Peer()))
	if err := t.account.RefreshDevices(ctx, t.chat.Peer()); err != nil {
		return err
	}
	devices, err := t.account.Devices(ctx, t.chat.Peer())
	for _, d := range devices {
		fmt.Fprintf(t.out, "  %s  %s, device %d\n", core.FormatFingerprint(d.Fingerprint), d.Trust, d.ID)
	}
	return err
}

// trust takes a fingerprint, in groups or not, and the decision about it.
func (t *terminal) trust(ctx context.Context, arguments string) error {
	i := strings.LastIndexByte(arguments, ' ')
	decision, ok := trustStates[arguments[i+1:]]
	if !ok || i < 0 {
		return fmt.Errorf("/trust FINGERPRINT STATE: %w", errUnknownState)
	}
	return t.account.SetTrust(ctx, t.chat.Peer(), strings.TrimSpace(arguments[:i]), decision)
}

// verify takes a URI, or shows ours.
func (t *terminal) verify(ctx context.Context, text string) error {
	if text == "" {
		uri, err := t.account.VerificationURI(ctx)
		if err == nil {
			fmt.Fprintln(t.out, uri)
		}
		return err
	}
	result, err := t.account.VerifyURI(ctx, text)
	for _, k := range result.Keys {
		fmt.Fprintf(t.out, "%s, device %d: %s\n", visible(result.Peer), k.Device, k.Outcome)
	}
	return err
}

func (t *terminal) devices(ctx context.Context, _ string) error {
	list, err := t.account.OwnDevices(ctx)
	for _, d := range list {
		mark := d.State().String()
		if d.Own {
			mark = "this one"
		}
		fmt.Fprintf(t.out, "  %s  %s, device %d  %s\n", core.FormatFingerprint(d.Fingerprint), mark, d.ID, visible(d.Label))
	}
	return err
}
