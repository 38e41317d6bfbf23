// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"

	"github.com/confab-im/confab/core"
)

// fileCommands are about the files of messages.
var fileCommands = map[string]handler{
	"send-file": withConversation(sendFile),
	"files":     listFiles,
	"download":  download,
	"cancel":    cancelTransfer,
	"save":      saveFile,
}

func sendFile(ctx context.Context, d *driver, cv *core.Conversation, c command) (reply line, err error) {
	id, err := cv.SendFile(ctx, core.FileDraft{Path: c.Path, Name: c.Name, Caption: c.Body})
	if err != nil {
		return reply, err
	}
	m, err := d.client.Message(ctx, id)
	if err != nil {
		return reply, err
	}
	reply.Message = new(d.names.message(ctx, m))
	return reply, nil
}

// listFiles lists those of a message, or of a conversation without one.
func listFiles(ctx context.Context, d *driver, c command) (reply line, err error) {
	var list []core.Attachment
	if c.Message != 0 {
		list, err = d.client.Attachments(ctx, c.Message)
	} else {
		var a *core.Account
		if a, err = d.which(c); err != nil {
			return reply, err
		}
		var cv *core.Conversation
		if cv, err = a.Conversation(ctx, c.Peer); err != nil {
			return reply, err
		}
		reply.Account = a.JID()
		list, err = cv.Attachments(ctx, 0, c.Limit)
	}
	for _, a := range list {
		reply.Files = append(reply.Files, fileOf(a))
	}
	return reply, err
}

func download(ctx context.Context, d *driver, c command) (line, error) {
	return line{}, d.client.Download(ctx, c.Attachment)
}

func cancelTransfer(ctx context.Context, d *driver, c command) (line, error) {
	return line{}, d.client.CancelTransfer(ctx, c.Attachment)
}

func saveFile(ctx context.Context, d *driver, c command) (line, error) {
	return line{}, d.client.SaveFile(ctx, c.Attachment, c.Path)
}
