// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"
)

// Benchmarks run on a database of benchMessages messages in
// benchConversations conversations; compare them with each other, not with a clock.
const (
	benchMessages      = 100_000
	benchConversations = 500
)

var benchWords = func() (words []string) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		w := make([]byte, 3+rnd.IntN(7))
		for i := range w {
			w[i] = byte('a' + rnd.IntN(26))
		}
		words = append(words, string(w))
	}
	return words
}()

func benchBody(rnd *rand.Rand) string {
	body := "hello"
	for range 3 + rnd.IntN(12) {
		i := rnd.IntN(len(benchWords))
		body += " " + benchWords[i*i/len(benchWords)] // some are common
	}
	return body
}

func benchInsert(b *testing.B, db *DB, rnd *rand.Rand, from, n int) {
	b.Helper()
	err := db.Update(ctx, func(tx *Tx) error {
		for i := from; i < from+n; i++ {
			m := Message{ConversationID: 1 + int64(rnd.IntN(benchConversations)), Sender: "peer@example.org", Body: benchBody(rnd),
				RemoteID: fmt.Sprint("id", i), At: epoch.Add(time.Duration(i) * time.Second), Outgoing: i%2 == 0}
			if err := tx.InsertMessage(&m); err != nil {
				return err
			}
			if err := tx.MarkSeen(1, fmt.Append(nil, "key", rnd.Uint64()), m.ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

func benchOpen(b *testing.B, messages int) *DB {
	b.Helper()
	db := openAt(b, filepath.Join(b.TempDir(), "a.db"))
	update(b, db, func(tx *Tx) {
		account := newAccount(b, tx, "me")
		for i := range benchConversations {
			newConversation(b, tx, account, fmt.Sprint("peer", i))
		}
	})
	rnd := rand.New(rand.NewPCG(3, 4))
	for i := 0; i < messages; i += 1000 {
		benchInsert(b, db, rnd, i, 1000)
	}
	return db
}

func BenchmarkInsert(b *testing.B) {
	for _, batch := range []int{1, 100, 1000} {
		b.Run(fmt.Sprint("batch", batch), func(b *testing.B) {
			db := benchOpen(b, 0)
			rnd := rand.New(rand.NewPCG(5, 6))
			b.ResetTimer()
			for i := 0; i < b.N; i += batch {
				benchInsert(b, db, rnd, i, min(batch, b.N-i))
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	db := benchOpen(b, benchMessages)
	var deep int64
	view(b, db, func(r *Reader) {
		list, err := r.MessagesAfter(7, 0, 60)
		if err != nil || len(list) < 60 {
			b.Fatal(err, len(list))
		}
		deep = list[59].SortKey
	})
	no := false
	for _, c := range []struct {
		name string
		want int // rows at least
		fn   func(r *Reader) (int, error)
	}{
		{"newest page", 50, func(r *Reader) (int, error) { l, err := r.MessagesBefore(7, 0, 50); return len(l), err }},
		{"deep page", 50, func(r *Reader) (int, error) { l, err := r.MessagesBefore(7, deep, 50); return len(l), err }},
		{"by id", 1, func(r *Reader) (int, error) { _, err := r.Message(benchMessages / 2); return 1, err }},
		{"conversation list", 50, func(r *Reader) (int, error) {
			l, err := r.Conversations(ConversationQuery{AccountID: 1, Archived: &no, Limit: 50})
			return len(l), err
		}},
		{"unread total", 1, func(r *Reader) (int, error) { return r.UnreadTotal() }},
		{"search common word", 50, func(r *Reader) (int, error) { l, err := r.Search(SearchQuery{Text: "hello"}); return len(l), err }},
		{"search prefix", 50, func(r *Reader) (int, error) { l, err := r.Search(SearchQuery{Text: "he"}); return len(l), err }},
		{"search rare word", 1, func(r *Reader) (int, error) {
			l, err := r.Search(SearchQuery{Text: benchWords[4050]})
			return len(l), err
		}},
		{"search two words", 1, func(r *Reader) (int, error) {
			l, err := r.Search(SearchQuery{Text: "hello " + benchWords[0]})
			return len(l), err
		}},
		{"search in conversation", 50, func(r *Reader) (int, error) {
			l, err := r.Search(SearchQuery{Text: "hello", ConversationID: 7})
			return len(l), err
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if err := db.View(ctx, func(r *Reader) error {
					n, err := c.fn(r)
					if err == nil && n < c.want {
						b.Fatalf("%d rows", n)
					}
					return err
				}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("size", func(b *testing.B) {
		if err := db.Checkpoint(ctx); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(fileSize(b, db.path))/benchMessages, "bytes/message")
	})
}

func BenchmarkOpen(b *testing.B) {
	for name, key := range map[string]Key{"raw": RawKey(testKey), "passphrase": Passphrase(testKey)} {
		b.Run(name, func(b *testing.B) {
			o := Options{Path: filepath.Join(b.TempDir(), "a.db"), Key: key}
			for b.Loop() {
				db, err := Open(ctx, o)
				if err != nil {
					b.Fatal(err)
				}
				if err := db.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
