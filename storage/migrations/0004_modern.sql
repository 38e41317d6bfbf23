-- SPDX-License-Identifier: MPL-2.0
-- What belongs to a message beside its text, rooms, profiles and blocked
-- addresses. People are named by their bare JID; occupants of a room whose JID
-- is not known by their occupant id (XEP-0421), or else by their room address.

-- A set of reactions replaces the one before it (XEP-0444 section 4).
CREATE TABLE reaction (
  message_id INTEGER NOT NULL,
  sender     TEXT    NOT NULL,
  name       TEXT    NOT NULL, -- as shown when it came
  own        INTEGER NOT NULL,
  emojis     TEXT    NOT NULL, -- JSON array of strings
  at         INTEGER NOT NULL,
  PRIMARY KEY (message_id, sender)
) WITHOUT ROWID;

-- Earlier texts of a corrected message, the first one included (XEP-0308).
CREATE TABLE message_edit (
  message_id INTEGER NOT NULL,
  at         INTEGER NOT NULL, -- when this text was written
  remote_id  TEXT    NOT NULL, -- of the stanza that brought it
  body       TEXT    NOT NULL,
  PRIMARY KEY (message_id, at, remote_id)
) WITHOUT ROWID;

-- Files of a message. What is downloaded lies outside of the database, encrypted.
CREATE TABLE attachment (
  id              INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  account_id      INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  conversation_id INTEGER NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
  message_id      INTEGER NOT NULL,
  position        INTEGER NOT NULL,
  state           INTEGER NOT NULL,
  reason          TEXT    NOT NULL,
  url             TEXT    NOT NULL, -- without a fragment
  secret          BLOB    NOT NULL, -- IV and key of what lies at the URL; empty: it is not encrypted
  name            TEXT    NOT NULL,
  media_type      TEXT    NOT NULL,
  size            INTEGER NOT NULL, -- of the content in bytes; -1: not known
  width           INTEGER NOT NULL,
  height          INTEGER NOT NULL,
  duration        INTEGER NOT NULL, -- microseconds
  hash            BLOB    NOT NULL, -- SHA-256 of the content
  thumbnail       BLOB    NOT NULL,
  thumbnail_type  TEXT    NOT NULL,
  file            TEXT    NOT NULL, -- name in the media folder; empty: not here
  file_secret     BLOB    NOT NULL, -- IV and key of that file
  done            INTEGER NOT NULL, -- bytes transferred
  created         INTEGER NOT NULL
);
CREATE INDEX attachment_message ON attachment (message_id, position);
CREATE INDEX attachment_conversation ON attachment (conversation_id, id);
CREATE INDEX attachment_state ON attachment (account_id, state);

-- What refers to a message that has not come yet: a reaction, a correction, a
-- retraction or a mark. Bounded for each conversation.
CREATE TABLE pending (
  id              INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  conversation_id INTEGER NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
  target          TEXT    NOT NULL, -- the id it refers to
  kind            INTEGER NOT NULL,
  payload         BLOB    NOT NULL
);
CREATE INDEX pending_target ON pending (conversation_id, target);

-- How far others have read a conversation (XEP-0333).
CREATE TABLE displayed (
  conversation_id INTEGER NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
  sender          TEXT    NOT NULL,
  name            TEXT    NOT NULL,
  sort_key        INTEGER NOT NULL,
  at              INTEGER NOT NULL,
  PRIMARY KEY (conversation_id, sender)
) WITHOUT ROWID;

CREATE TABLE room (
  conversation_id INTEGER NOT NULL PRIMARY KEY REFERENCES conversation (id) ON DELETE CASCADE,
  nick            TEXT    NOT NULL, -- ours
  password        BLOB    NOT NULL,
  wanted          INTEGER NOT NULL, -- to be in it whenever there is a connection
  reason          TEXT    NOT NULL, -- code of why it could not be entered
  name            TEXT    NOT NULL,
  description     TEXT    NOT NULL,
  subject         TEXT    NOT NULL,
  subject_by      TEXT    NOT NULL,
  features        INTEGER NOT NULL, -- bits: members only, not anonymous, …
  affiliation     INTEGER NOT NULL, -- ours
  role            INTEGER NOT NULL,
  occupant_id     TEXT    NOT NULL,
  avatar          TEXT    NOT NULL, -- hash
  bookmark        BLOB    NOT NULL  -- as it was published, to be kept
);

CREATE TABLE room_member (
  conversation_id INTEGER NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
  jid             TEXT    NOT NULL,
  nick            TEXT    NOT NULL,
  affiliation     INTEGER NOT NULL,
  PRIMARY KEY (conversation_id, jid)
) WITHOUT ROWID;

CREATE TABLE profile (
  account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  jid        TEXT    NOT NULL,
  nick       TEXT    NOT NULL,
  avatar     TEXT    NOT NULL, -- hash, SHA-1 in hexadecimal
  card       BLOB    NOT NULL,
  fetched    INTEGER NOT NULL, -- when the card was
  PRIMARY KEY (account_id, jid)
) WITHOUT ROWID;

CREATE TABLE avatar (
  hash       TEXT    NOT NULL PRIMARY KEY,
  media_type TEXT    NOT NULL,
  data       BLOB    NOT NULL
);

CREATE TABLE blocked (
  account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  jid        TEXT    NOT NULL,
  PRIMARY KEY (account_id, jid)
) WITHOUT ROWID;

CREATE INDEX conversation_request ON conversation (account_id) WHERE request = 1;
CREATE INDEX message_archive ON message (conversation_id, archive_id) WHERE archive_id <> '';

CREATE TRIGGER message_parts AFTER DELETE ON message BEGIN
  DELETE FROM reaction WHERE message_id = old.id;
  DELETE FROM message_edit WHERE message_id = old.id;
  DELETE FROM attachment WHERE message_id = old.id;
END;
