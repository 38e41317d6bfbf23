// SPDX-License-Identifier: MPL-2.0

package storage_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/confab-im/confab/storage"
)

func Example() {
	dir, err := os.MkdirTemp("", "storage")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	key := make([]byte, 32) // from the system's key store
	_, _ = rand.Read(key)

	ctx := context.Background()
	db, err := storage.Open(ctx, storage.Options{Path: filepath.Join(dir, "messages.db"), Key: storage.RawKey(key)})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()

	var conv int64
	err = db.Update(ctx, func(tx *storage.Tx) error {
		account := storage.Account{Kind: "xmpp", Address: "alice@example.org"}
		if err := tx.CreateAccount(&account); err != nil {
			return err
		}
		c, _, err := tx.EnsureConversation(account.ID, "bob@example.org", 1)
		if err != nil {
			return err
		}
		conv = c.ID
		return tx.InsertMessage(&storage.Message{
			ConversationID: c.ID, Sender: c.Peer, Body: "Hi Alice, see you at the café?",
			At: time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC),
		})
	})
	if err != nil {
		log.Fatal(err)
	}

	err = db.View(ctx, func(r *storage.Reader) error {
		c, err := r.Conversation(conv)
		if err != nil {
			return err
		}
		found, err := r.Search(storage.SearchQuery{Text: "cafe", ConversationID: conv})
		if err != nil {
			return err
		}
		fmt.Println(c.Unread, "unread:", c.LastPreview)
		fmt.Println(len(found), "found:", found[0])
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// 1 unread: Hi Alice, see you at the café?
	// 1 found: message 1 of conversation 1 [redacted]
}
