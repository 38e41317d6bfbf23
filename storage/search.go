// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// SearchQuery is a search in the texts of messages.
type SearchQuery struct {
	// Text is what a person typed. Every word must occur; a word of two or more
	// letters also finds words that begin with it. Case and accents do not
	// matter. Nothing in it is an operator.
	Text           string
	ConversationID int64 // 0 = all
	BeforeID       int64 // the ID of the last message of the page before; 0 = first page
	Limit          int   // 0 or less means 50
}

// SearchWords is the largest number of words that are looked at in a search.
const SearchWords = 16

const defaultSearchLimit = 50

// Search returns messages in the order they were stored, newest first. A text
// without any letter or digit finds nothing.
func (r *Reader) Search(q SearchQuery) ([]Message, error) {
	match := matchExpression(q.Text, q.ConversationID)
	if match == "" {
		return nil, r.usable()
	}
	if q.Limit <= 0 {
		q.Limit = defaultSearchLimit
	}
	// The index lists the newest first by itself; the limit applies before any
	// message is read. CROSS JOIN keeps that order of the tables.
	query := "SELECT " + messageColumns + ` FROM (SELECT docid FROM message_fts WHERE body MATCH ?
		ORDER BY docid DESC LIMIT ?) f CROSS JOIN message m ON m.id = f.docid ORDER BY f.docid DESC`
	args := []any{match, q.Limit}
	if q.BeforeID != 0 {
		query = strings.Replace(query, "MATCH ?", "MATCH ? AND docid < ?", 1)
		args = []any{match, q.BeforeID, q.Limit}
	}
	list, err := r.messages(q.Limit, query, args...)
	return list, wrapf(err, "search messages")
}

// matchExpression writes words as FTS4's enhanced query syntax. Each is quoted,
// so that the tokenizer splits it as it splits texts.
func matchExpression(text string, conv int64) string {
	var parts []string
	if conv != 0 {
		parts = append(parts, fmt.Sprintf("conv:c%d", conv))
	}
	none := len(parts)
	for _, w := range strings.Fields(text) {
		w = strings.Map(func(r rune) rune {
			// A quote ends a phrase, a star makes a prefix and a caret an anchor.
			if r == '"' || r == '*' || r == '^' || r == 0 || r == utf8.RuneError {
				return ' '
			}
			return r
		}, w)
		w = strings.TrimFunc(w, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) })
		if !strings.ContainsFunc(w, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
			continue
		}
		if utf8.RuneCountInString(w) > 1 {
			w += "*"
		}
		parts = append(parts, `"`+w+`"`)
		if len(parts) == none+SearchWords {
			break
		}
	}
	if len(parts) == none {
		return ""
	}
	return strings.Join(parts, " AND ")
}
