// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"database/sql"
	"strings"
)

// idBatch is how many ids one statement looks for.
const idBatch = 50

// MessageIDs returns which messages of a conversation have these remote ids, or
// with archived these ids in an archive. If several have one, it is the newest.
func (r *Reader) MessageIDs(conv int64, ids []string, archived bool) (map[string]int64, error) {
	query := messagesWithRemoteID
	if archived {
		query = messagesWithArchiveID
	}
	found := make(map[string]int64)
	args := make([]any, 1+idBatch)
	args[0] = conv
	for len(ids) > 0 {
		n := min(len(ids), idBatch)
		for i := range idBatch {
			args[1+i] = ids[min(i, n-1)]
		}
		ids = ids[n:]
		err := r.each(func(rows *sql.Rows) error {
			var name string
			var id int64
			if err := rows.Scan(&name, &id); err != nil {
				return err
			}
			found[name] = id
			return nil
		}, query, args...)
		if err != nil {
			return nil, wrapf(err, "look for messages")
		}
	}
	return found, nil
}

var idMarks = " IN (?" + strings.Repeat(", ?", idBatch-1) + ")"

var (
	messagesWithRemoteID = `SELECT remote_id, id FROM message INDEXED BY message_remote
		WHERE conversation_id = ? AND remote_id <> '' AND remote_id` + idMarks + " ORDER BY sort_key"
	messagesWithArchiveID = `SELECT archive_id, id FROM message INDEXED BY message_archive
		WHERE conversation_id = ? AND archive_id <> '' AND archive_id` + idMarks + " ORDER BY sort_key"
)
