// SPDX-License-Identifier: MPL-2.0

package storage

import "database/sql"

// Room is what is kept of a group chat beside its conversation (XEP-0045).
type Room struct {
	ConversationID int64
	Nick           string // ours
	Password       Secret
	Wanted         bool   // to be in it whenever there is a connection
	Reason         string // code of why it could not be entered
	Name           string
	Description    string
	Subject        string
	SubjectBy      string
	Features       uint64 // the caller's bits
	Affiliation    uint8  // ours
	Role           uint8
	OccupantID     string // ours (XEP-0421)
	Avatar         string // hash
	Bookmark       []byte // as it was published, to be kept (XEP-0402)
}

// Member is somebody with an affiliation to a room.
type Member struct {
	ConversationID int64
	JID            string // bare
	Nick           string
	Affiliation    uint8
}

const roomColumns = `conversation_id, nick, password, wanted, reason, name, description, subject, subject_by, features,
	affiliation, role, occupant_id, avatar, bookmark`

func (v *Room) dest(features *int64) []any {
	return []any{&v.ConversationID, &v.Nick, blobColumn{(*[]byte)(&v.Password)}, &v.Wanted, &v.Reason, &v.Name,
		&v.Description, &v.Subject, &v.SubjectBy, features, &v.Affiliation, &v.Role, &v.OccupantID, &v.Avatar,
		blobColumn{&v.Bookmark}}
}

// Room returns the room of a conversation.
func (r *Reader) Room(conv int64) (v Room, err error) {
	var features int64
	err = r.one(v.dest(&features), "SELECT "+roomColumns+" FROM room WHERE conversation_id = ?", conv)
	v.Features = uint64(features)
	return v, wrapf(err, "read room")
}

// Rooms returns the rooms of an account in the order in which they were added.
func (r *Reader) Rooms(account int64) (list []Room, err error) {
	err = r.each(func(rows *sql.Rows) error {
		var v Room
		var features int64
		if err := rows.Scan(v.dest(&features)...); err != nil {
			return err
		}
		v.Features = uint64(features)
		list = append(list, v)
		return nil
	}, "SELECT "+roomColumns+` FROM room WHERE conversation_id IN (SELECT id FROM conversation WHERE account_id = ?)
		ORDER BY conversation_id`, account)
	return list, wrapf(err, "read rooms")
}

// PutRoom stores a room in place of what was known of it. Its conversation gets
// a new revision.
func (tx *Tx) PutRoom(v Room) error {
	_, err := tx.exec("INSERT OR REPLACE INTO room ("+roomColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		v.ConversationID, v.Nick, blob(v.Password), v.Wanted, v.Reason, v.Name, v.Description, v.Subject, v.SubjectBy,
		int64(v.Features), v.Affiliation, v.Role, v.OccupantID, v.Avatar, blob(v.Bookmark))
	if err != nil {
		return wrapf(err, "store room")
	}
	return wrapf(tx.must("UPDATE conversation SET revision = revision + 1 WHERE id = ?", v.ConversationID), "store room")
}

// DeleteRoom forgets what makes a conversation a room; its messages stay.
func (tx *Tx) DeleteRoom(conv int64) error {
	if _, err := tx.exec("DELETE FROM room_member WHERE conversation_id = ?", conv); err != nil {
		return wrapf(err, "delete room")
	}
	_, err := tx.exec("DELETE FROM room WHERE conversation_id = ?", conv)
	return wrapf(err, "delete room")
}

// Members returns who has an affiliation to a room, by address.
func (r *Reader) Members(conv int64) (list []Member, err error) {
	err = r.each(func(rows *sql.Rows) error {
		var m Member
		if err := rows.Scan(&m.ConversationID, &m.JID, &m.Nick, &m.Affiliation); err != nil {
			return err
		}
		list = append(list, m)
		return nil
	}, "SELECT conversation_id, jid, nick, affiliation FROM room_member WHERE conversation_id = ? ORDER BY jid", conv)
	return list, wrapf(err, "read members")
}

// PutMember stores somebody's affiliation in place of the one before.
func (tx *Tx) PutMember(m Member) error {
	_, err := tx.exec(`INSERT INTO room_member (conversation_id, jid, nick, affiliation) VALUES (?, ?, ?, ?)
		ON CONFLICT (conversation_id, jid) DO UPDATE SET nick = excluded.nick, affiliation = excluded.affiliation`,
		m.ConversationID, m.JID, m.Nick, m.Affiliation)
	return wrapf(err, "store member")
}

// DeleteMember removes somebody's affiliation, if there is one.
func (tx *Tx) DeleteMember(conv int64, jid string) error {
	_, err := tx.exec("DELETE FROM room_member WHERE conversation_id = ? AND jid = ?", conv, jid)
	return wrapf(err, "delete member")
}

// ReplaceMembers makes list all who have an affiliation to a room. Their
// ConversationID is not looked at.
func (tx *Tx) ReplaceMembers(conv int64, list []Member) error {
	if _, err := tx.exec("DELETE FROM room_member WHERE conversation_id = ?", conv); err != nil {
		return wrapf(err, "replace members")
	}
	for _, m := range list {
		m.ConversationID = conv
		if err := tx.PutMember(m); err != nil {
			return wrapf(err, "replace members")
		}
	}
	return nil
}
