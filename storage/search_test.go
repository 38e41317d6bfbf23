// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSearch(t *testing.T) {
	db := openTemp(t)
	var convs []int64
	var texts = []string{
		"Hello World", "hello there", "Crème brûlée", "e-mail to bob@example.org", "Привет, мир", "AND OR NOT NEAR",
		`quoted "words" here`, "c1 c2 c3", "", "a b c", "日本語 テスト", "body conv docid", "O'Neil's 100% * ^ (x)",
	}
	update(t, db, func(tx *Tx) {
		account := newAccount(t, tx, "me")
		for i := range 2 {
			conv := newConversation(t, tx, account, fmt.Sprint(i))
			convs = append(convs, conv)
			for _, s := range texts {
				newMessage(t, tx, Message{ConversationID: conv, Body: s})
			}
		}
	})
	for text, want := range map[string]string{
		"hello": "Hello World|hello there", "HEL": "Hello World|hello there", "hello wor": "Hello World", "wor hel": "Hello World",
		"he": "Hello World|hello there|quoted \"words\" here", "creme": "Crème brûlée", "BRÛL": "Crème brûlée",
		"e-mail": "e-mail to bob@example.org", "example.org": "e-mail to bob@example.org", "bob@ex": "e-mail to bob@example.org",
		"мир": "Привет, мир", "ПРИВ": "Привет, мир", "AND": "AND OR NOT NEAR", "OR NOT": "AND OR NOT NEAR", "near": "AND OR NOT NEAR",
		`"words`: `quoted "words" here`, `"`: "", "*": "", "^": "", "(": "", "-": "", "": "", "   ": "", "x)": "O'Neil's 100% * ^ (x)",
		"c1": "c1 c2 c3", "conv:c1": "", "body:hello": "", "conv": "body conv docid", "日本": "日本語 テスト",
		"a": "a b c", "h": "", "nothing": "", "hello nothing": "", "o'neil": "O'Neil's 100% * ^ (x)", "100%": "O'Neil's 100% * ^ (x)",
		"\x00hello": "Hello World|hello there", "\xffhello": "Hello World|hello there",
	} {
		t.Run(text, func(t *testing.T) {
			view(t, db, func(r *Reader) {
				var wanted []string
				if want != "" {
					wanted = strings.Split(want, "|")
				}
				for _, conv := range append(convs, 0) {
					got, err := r.Search(SearchQuery{Text: text, ConversationID: conv})
					require.NoError(t, err)
					var bodies []string
					for i, m := range got {
						bodies = append(bodies, m.Body)
						require.True(t, conv == 0 || m.ConversationID == conv)
						require.True(t, i == 0 || m.ID < got[i-1].ID)
					}
					if conv == 0 {
						require.ElementsMatch(t, append(wanted, wanted...), bodies)
					} else {
						require.ElementsMatch(t, wanted, bodies)
					}
				}
			})
		})
	}
}

// A conversation's token does not find that of a conversation with a longer id.
func TestSearchConversationToken(t *testing.T) {
	db := openTemp(t)
	update(t, db, func(tx *Tx) {
		account := newAccount(t, tx, "me")
		for i := range 12 {
			newMessage(t, tx, Message{ConversationID: newConversation(t, tx, account, fmt.Sprint(i)), Body: "word"})
		}
		got, err := tx.Search(SearchQuery{Text: "word", ConversationID: 1})
		require.NoError(t, err)
		require.Len(t, got, 1)
	})
}

func TestSearchPages(t *testing.T) {
	db := openTemp(t)
	_, conv := fill(t, db, 120)
	view(t, db, func(r *Reader) {
		for _, c := range []int64{0, conv} {
			var ids []int64
			q := SearchQuery{Text: "canary", ConversationID: c}
			for {
				page, err := r.Search(q)
				require.NoError(t, err)
				if len(page) == 0 {
					break
				}
				require.LessOrEqual(t, len(page), 50)
				for _, m := range page {
					ids = append(ids, m.ID)
				}
				q.BeforeID = ids[len(ids)-1]
			}
			require.Len(t, ids, 120)
			for i := range ids {
				require.EqualValues(t, 120-i, ids[i])
			}
		}
	})
}

// No text that a person types makes an expression that the index refuses.
func FuzzSearch(f *testing.F) {
	for _, s := range []string{"hello", `"`, `a"b`, "a*b", "NEAR/2", "(((", "body:", "-x", "\x00", "\xff\xfe", "é\u0301", strings.Repeat("a ", 100), "١٢", "𝒳"} {
		f.Add(s)
	}
	db, err := Open(ctx, testOptions(f.TempDir()+"/a.db"))
	require.NoError(f, err)
	f.Cleanup(func() { _ = db.Close() })
	_, conv := fill(f, db, 3)
	f.Fuzz(func(t *testing.T, s string) {
		view(t, db, func(r *Reader) {
			for _, c := range []int64{0, conv} {
				_, err := r.Search(SearchQuery{Text: s, ConversationID: c})
				require.NoError(t, err)
			}
		})
	})
}
