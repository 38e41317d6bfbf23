// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"crypto/rand"
	"strings"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/storage"
)

// States of files, as stored.
const (
	FileRemote  uint8 = 1 // of others: it is where its address says
	FileOffered uint8 = 2 // to be fetched without a person having asked
	FileWanted  uint8 = 3 // to be fetched, as a person has asked
	FileHere    uint8 = 4 // whole and authentic, in the folder
	FileBroken  uint8 = 5 // could not be fetched: Reason says why
	FileQueued  uint8 = 6 // ours: in the folder, to be uploaded
	FileUnsent  uint8 = 7 // ours: could not be uploaded: Reason says why
)

// Reasons of files.
const (
	ReasonTooLarge = "media.too-large" // for the service, or for what is fetched
	ReasonCanceled = "media.canceled"  // by a person
	ReasonMismatch = "media.mismatch"  // it is here, and is not what its name says
)

// maxFiles bounds the files of one message.
const maxFiles = 16

// Downloads says which files are fetched without a person's asking.
type Downloads struct {
	// Pictures of contacts are, up to this size in bytes; 0 for none.
	Pictures int64
}

// newFileName makes a name in the media folder.
func newFileName() string { return strings.ToLower(rand.Text()) }

// attach stores the files of a message that came in.
func (a *Account) attach(tx *storage.Tx, emit *emitter, row *storage.Message, in *Incoming, files []File, old bool) error {
	for i, f := range files[:min(len(files), maxFiles)] {
		file := storage.Attachment{
			MessageID: row.ID, Position: i, State: FileRemote, URL: f.URL, Secret: f.Secret, Name: f.Name,
			MediaType: f.MediaType, Size: f.Size, Width: f.Width, Height: f.Height, Duration: f.Duration,
			Hash: f.Hash, Thumbnail: f.Thumbnail, ThumbnailType: f.ThumbnailType, Created: a.Now(),
		}
		if file.Size == 0 {
			file.Size = -1
		}
		if !old {
			offered, err := a.offered(tx, in, &file)
			if err != nil {
				return err
			}
			if offered {
				file.State, file.File = FileOffered, newFileName()
				emit.transfers = true
			}
		}
		if err := tx.AddAttachment(&file); err != nil {
			return err
		}
	}
	return nil
}

// offered says whether a file is fetched by itself: never one of somebody who
// is no contact, for a fetch tells whoever chose the address where we are.
func (a *Account) offered(tx *storage.Tx, in *Incoming, f *storage.Attachment) (bool, error) {
	if f.Size > a.Downloads.Pictures || a.Downloads.Pictures <= 0 || !strings.HasPrefix(f.MediaType, "image/") {
		return false, nil
	}
	if in.Outgoing {
		return true, nil
	}
	return a.contact(tx, in.Sender)
}

// contact says whether somebody is on the roster by our own doing.
func (a *Account) contact(tx *storage.Tx, jid string) (bool, error) {
	item, err := tx.RosterItem(a.ID, jid)
	if isGone(err) {
		return false, nil
	}
	return item.Subscription == "to" || item.Subscription == "both", err
}

// kick tells the transfers of the account that there may be something to do.
func (a *Account) kick() {
	select {
	case a.Transfers <- struct{}{}:
	default: // told already, or nobody is there
	}
}

// transfer tells of a change of a file; id 0 is all of the message's.
func (e *emitter) transfer(row *storage.Message, id int64, reason string) {
	e.add(event.Event{Kind: event.Transfer, Conversation: row.ConversationID, Message: row.ID, Attachment: id, Code: reason})
}

// dropFiles removes the files of a message that was taken back for good.
func (a *Account) dropFiles(tx *storage.Tx, emit *emitter, id int64) error {
	row, err := tx.Message(id)
	if err != nil {
		return err
	}
	e, err := ExtraOf(&row)
	if err != nil || e.Files == 0 || e.Retracted == nil || e.Retracted.Unproven {
		return err
	}
	e.Files = 0
	if err := saveExtra(tx, id, &e); err != nil {
		return err
	}
	emit.transfer(&row, 0, "")
	return tx.DeleteAttachments(id)
}

// filesOf are the files of a message of ours, as they are to be sent.
func filesOf(tx *storage.Tx, row *storage.Message) ([]File, error) {
	if e, err := ExtraOf(row); err != nil || e.Files == 0 {
		return nil, err
	}
	list, err := tx.Attachments(row.ID)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	files := make([]File, len(list))
	for i, f := range list {
		files[i] = File{
			URL: f.URL, Secret: f.Secret, Name: f.Name, MediaType: f.MediaType, Size: max(f.Size, 0),
			Width: f.Width, Height: f.Height, Duration: f.Duration, Hash: f.Hash,
		}
	}
	return files, nil
}
