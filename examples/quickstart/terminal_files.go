// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/confab-im/confab/core"
)

var fileSlashes = []slash{
	{name: "/file", arguments: "PATH", help: "send a file", inChat: true, do: (*terminal).file},
	{name: "/files", help: "the newest files", inChat: true, do: (*terminal).files},
	{name: "/get", arguments: "N PATH", help: "fetch a file and save it", do: (*terminal).get},
}

func (t *terminal) file(ctx context.Context, path string) error {
	_, err := t.chat.SendFile(ctx, core.FileDraft{Path: path})
	return err
}

func (t *terminal) files(ctx context.Context, _ string) error {
	return t.listFiles(t.chat.Attachments(ctx, 0, 20))
}

func (t *terminal) listFiles(list []core.Attachment, err error) error {
	for _, a := range list {
		fmt.Fprintf(t.out, "  file %d: %s, %d bytes, %s%s\n", a.ID, visible(a.Name), a.Size, a.State, inBrackets(a.Reason))
	}
	return err
}

// get saves a file once it is here.
func (t *terminal) get(ctx context.Context, arguments string) error {
	id, path, err := numbered(arguments)
	if err != nil {
		return err
	}
	if path == "" {
		return usageError("/get N PATH: no path")
	}
	a, err := t.client.Attachment(ctx, id)
	if err != nil {
		return err
	}
	t.saves[id] = path
	if saved, err := t.save(ctx, a); saved || err != nil {
		return err
	}
	if err := t.client.Download(ctx, id); err != nil {
		delete(t.saves, id)
		return err
	}
	return nil
}

// transferred looks at a file that went a part of its way.
func (t *terminal) transferred(ctx context.Context, e core.Event) error {
	if _, wanted := t.saves[e.Attachment]; !wanted || e.Done != 0 {
		return nil
	}
	a, err := t.client.Attachment(ctx, e.Attachment)
	if err != nil {
		return err
	}
	if a.State == core.FileBroken {
		delete(t.saves, a.ID)
		fmt.Fprintf(t.out, "* file %d is broken%s\n", a.ID, inBrackets(a.Reason))
	}
	_, err = t.save(ctx, a)
	return err
}

// save writes a file where it was wanted, if it is here.
func (t *terminal) save(ctx context.Context, a core.Attachment) (saved bool, err error) {
	path, wanted := t.saves[a.ID]
	switch a.State {
	case core.FileHere, core.FileUploading, core.FileUnsent:
	default:
		return false, nil
	}
	if !wanted {
		return false, nil
	}
	delete(t.saves, a.ID)
	if err := t.client.SaveFile(ctx, a.ID, path); err != nil {
		return false, err
	}
	fmt.Fprintf(t.out, "* file %d is in %s\n", a.ID, strings.TrimSpace(path))
	return true, nil
}
