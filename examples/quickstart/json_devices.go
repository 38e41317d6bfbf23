// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"

	"github.com/confab-im/confab/core"
)

// deviceCommands are about devices and what is known of their keys.
var deviceCommands = map[string]handler{
	"fingerprints": withAccount(fingerprints),
	"trust":        withAccount(setTrust),
	"blind-trust":  withAccount(blindTrust),
	"uri":          withAccount(verificationURI),
	"verify":       withAccount(verify),
	"own-devices":  withAccount(ownDevices),
	"prune":        withAccount(prune),
	"label":        withAccount(setLabel),
	"repair":       withAccount(repair),
	"accept-key":   withAccount(acceptKey),
}

func fingerprints(ctx context.Context, a *core.Account, c command) (reply line, err error) {
	own, err := a.OwnDevice(ctx)
	if err != nil {
		return reply, err
	}
	if err := a.RefreshDevices(ctx, c.Peer); err != nil {
		return reply, err
	}
	devices, err := a.Devices(ctx, c.Peer)
	this := deviceOf(own)
	this.Active = true // whether or not it has been announced yet
	reply.Own, reply.Devices = &this, devicesOf(devices)
	return reply, err
}

// trustStates are the decisions that a person can make.
var trustStates = map[string]core.TrustState{
	core.Verified.String(): core.Verified, core.Distrusted.String(): core.Distrusted,
	core.Compromised.String(): core.Compromised, core.Blind.String(): core.Blind,
}

func setTrust(ctx context.Context, a *core.Account, c command) (line, error) {
	decision, ok := trustStates[c.State]
	if !ok {
		return line{}, errUnknownState
	}
	return line{}, a.SetTrust(ctx, c.Peer, c.Fingerprint, decision)
}

func blindTrust(ctx context.Context, a *core.Account, c command) (line, error) {
	switch c.State {
	case "on", "off":
		return line{}, a.SetBlindTrust(ctx, c.Peer, c.State == "on")
	default:
		return line{}, errUnknownState
	}
}

func verificationURI(ctx context.Context, a *core.Account, _ command) (line, error) {
	uri, err := a.VerificationURI(ctx)
	return line{URI: uri}, err
}

func verify(ctx context.Context, a *core.Account, c command) (line, error) {
	result, err := a.VerifyURI(ctx, c.URI)
	reply := line{Peer: result.Peer, Devices: devicesOf(result.Unnamed)}
	for _, k := range result.Keys {
		reply.Keys = append(reply.Keys, jsonKey{k.Device, k.Fingerprint, k.Outcome.String()})
	}
	return reply, err
}

func ownDevices(ctx context.Context, a *core.Account, _ command) (line, error) {
	list, err := a.OwnDevices(ctx)
	return line{Devices: devicesOf(list)}, err
}

func prune(ctx context.Context, a *core.Account, c command) (line, error) {
	return line{}, a.PruneDevices(ctx, c.Device)
}

func setLabel(ctx context.Context, a *core.Account, c command) (line, error) {
	return line{}, a.SetDeviceLabel(ctx, c.Body)
}

func repair(ctx context.Context, a *core.Account, c command) (line, error) {
	return line{}, a.RepairSession(ctx, c.Peer, c.Device)
}

func acceptKey(ctx context.Context, a *core.Account, c command) (line, error) {
	return line{}, a.AcceptKey(ctx, c.Peer, c.Device, c.Fingerprint)
}
