// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"os"

	"github.com/confab-im/confab/core"
)

// profileCommands are about what people and servers say of themselves, and about
// waking this device.
var profileCommands = map[string]handler{
	"profile":         withAccount(profile),
	"refresh-profile": withAccount(refreshProfile),
	"save-avatar":     saveAvatar,
	"set-nick":        withAccount(setNick),
	"set-avatar":      withAccount(setAvatar),
	"server":          withAccount(server),
	"push":            withAccount(push),
	"enable-push":     withAccount(enablePush),
	"disable-push":    withAccount(disablePush),
}

func profile(ctx context.Context, a *core.Account, c command) (line, error) {
	if c.Peer == "" {
		c.Peer = a.JID()
	}
	p, err := a.Profile(ctx, c.Peer)
	if err != nil {
		return line{}, err
	}
	return line{Profile: &jsonProfile{p.JID, p.Nick, p.Avatar}}, nil
}

func refreshProfile(ctx context.Context, a *core.Account, c command) (line, error) {
	if err := a.RefreshProfile(ctx, c.Peer); err != nil {
		return line{}, err
	}
	return profile(ctx, a, c)
}

func saveAvatar(ctx context.Context, d *driver, c command) (line, error) {
	picture, err := d.client.Avatar(ctx, c.Avatar)
	if err != nil {
		return line{}, err
	}
	if err := os.WriteFile(c.Path, picture.Data, 0o600); err != nil {
		return line{}, fileError("save avatar", err)
	}
	return line{}, nil
}

func setNick(ctx context.Context, a *core.Account, c command) (line, error) {
	return line{}, a.SetNick(ctx, c.Nick)
}

func setAvatar(ctx context.Context, a *core.Account, c command) (line, error) {
	if c.Path == "" {
		return line{}, a.RemoveAvatar(ctx)
	}
	hash, err := publishAvatar(ctx, a, c.Path)
	return line{Profile: &jsonProfile{JID: a.JID(), Avatar: hash}}, err
}

// maxPicture is the largest file that is tried as a picture, in bytes.
const maxPicture = 32 << 20

func publishAvatar(ctx context.Context, a *core.Account, path string) (hash string, err error) {
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxPicture {
		return "", &codedError{"file", "picture is larger than 32 MiB"}
	}
	if err != nil {
		return "", fileError("read picture", err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fileError("read picture", err)
	}
	return a.SetAvatar(ctx, data)
}

func server(ctx context.Context, a *core.Account, _ command) (line, error) {
	r, err := a.ServerReport(ctx)
	if err != nil {
		return line{}, err
	}
	j := &jsonServer{MaxUpload: r.MaxUpload, Relays: r.Relays, Contacts: make(map[string][]string)}
	for _, f := range r.Features {
		j.Features = append(j.Features, jsonFeature(f))
	}
	for kind, list := range map[string][]string{
		"abuse": r.Contacts.Abuse, "admin": r.Contacts.Admin, "feedback": r.Contacts.Feedback, "sales": r.Contacts.Sales,
		"security": r.Contacts.Security, "status": r.Contacts.Status, "support": r.Contacts.Support,
	} {
		if len(list) > 0 {
			j.Contacts[kind] = list
		}
	}
	return line{Server: j}, nil
}

func push(ctx context.Context, a *core.Account, _ command) (line, error) {
	state, ok, err := a.Push(ctx)
	if err != nil || !ok {
		return line{}, err
	}
	return line{Push: &jsonPush{state.Service, state.Enabled, state.Code}}, nil
}

func enablePush(ctx context.Context, a *core.Account, c command) (line, error) {
	if err := a.EnablePush(ctx, core.PushConfig{Service: c.Service, Node: c.Node, Options: c.Options}); err != nil {
		return line{}, err
	}
	return push(ctx, a, c)
}

func disablePush(ctx context.Context, a *core.Account, _ command) (line, error) {
	return line{}, a.DisablePush(ctx)
}
