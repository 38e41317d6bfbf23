-- SPDX-License-Identifier: MPL-2.0
-- Accounts, conversations, messages and what moves with a message.
-- Times are microseconds since 1970 in UTC; 0 is "none".

-- Identifiers that are handed out and never used again.
CREATE TABLE counter (
  name  TEXT    NOT NULL PRIMARY KEY,
  value INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO counter (name, value) VALUES ('message', 0), ('session', 0);

CREATE TABLE account (
  id             INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  kind           TEXT    NOT NULL,
  address        TEXT    NOT NULL,
  resource       TEXT    NOT NULL,
  enabled        INTEGER NOT NULL,
  secret         BLOB    NOT NULL,
  settings       BLOB    NOT NULL,
  roster_version TEXT    NOT NULL,
  credentials    BLOB    NOT NULL,
  created        INTEGER NOT NULL,
  UNIQUE (kind, address)
);

-- last_*, unread and revision repeat what the messages say; they change in the
-- same transaction.
CREATE TABLE conversation (
  id              INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  account_id      INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  peer            TEXT    NOT NULL,
  kind            INTEGER NOT NULL,
  title           TEXT    NOT NULL,
  last_message_id INTEGER NOT NULL,
  last_key        INTEGER NOT NULL,
  last_at         INTEGER NOT NULL,
  last_preview    TEXT    NOT NULL,
  last_outgoing   INTEGER NOT NULL,
  last_state      INTEGER NOT NULL,
  unread          INTEGER NOT NULL,
  read_key        INTEGER NOT NULL,
  pinned          INTEGER NOT NULL,
  archived        INTEGER NOT NULL,
  muted_until     INTEGER NOT NULL,
  draft           TEXT    NOT NULL,
  encryption      INTEGER NOT NULL,
  request         INTEGER NOT NULL,
  revision        INTEGER NOT NULL,
  UNIQUE (account_id, peer)
);
CREATE INDEX conversation_newest ON conversation (last_key, id);
CREATE INDEX conversation_archived ON conversation (last_key, id) WHERE archived = 1;
CREATE INDEX conversation_unread ON conversation (unread) WHERE unread > 0;

-- Clustered: the messages of a conversation lie side by side in their order.
CREATE TABLE message (
  conversation_id INTEGER NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
  sort_key        INTEGER NOT NULL,
  id              INTEGER NOT NULL,
  account_id      INTEGER NOT NULL,
  outgoing        INTEGER NOT NULL,
  sender          TEXT    NOT NULL,
  remote_id       TEXT    NOT NULL,
  archive_id      TEXT    NOT NULL,
  channel         TEXT    NOT NULL,
  kind            INTEGER NOT NULL,
  body            TEXT    NOT NULL,
  at              INTEGER NOT NULL,
  received_at     INTEGER NOT NULL,
  state           INTEGER NOT NULL,
  encryption      INTEGER NOT NULL,
  sender_device   INTEGER NOT NULL,
  identity        BLOB    NOT NULL,
  trust           INTEGER NOT NULL,
  reason          TEXT    NOT NULL,
  extra           BLOB    NOT NULL,
  revision        INTEGER NOT NULL,
  PRIMARY KEY (conversation_id, sort_key)
) WITHOUT ROWID;
CREATE UNIQUE INDEX message_id ON message (id);
CREATE INDEX message_remote ON message (conversation_id, remote_id, outgoing) WHERE remote_id <> '';

-- What was seen stays seen when the message is deleted, so that an archive
-- cannot bring it back.
CREATE TABLE seen (
  account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  key        BLOB    NOT NULL,
  message_id INTEGER NOT NULL,
  PRIMARY KEY (account_id, key)
) WITHOUT ROWID;

CREATE TABLE outbox (
  id              INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  account_id      INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  conversation_id INTEGER NOT NULL,
  message_id      INTEGER NOT NULL,
  kind            INTEGER NOT NULL,
  recipient       TEXT    NOT NULL,
  state           INTEGER NOT NULL,
  stanza          BLOB    NOT NULL,
  stream_id       TEXT    NOT NULL,
  stream_count    INTEGER NOT NULL,
  attempts        INTEGER NOT NULL,
  reason          TEXT    NOT NULL,
  created         INTEGER NOT NULL
);
CREATE INDEX outbox_account ON outbox (account_id, id);
CREATE INDEX outbox_message ON outbox (message_id) WHERE message_id <> 0;
CREATE INDEX outbox_conversation ON outbox (conversation_id) WHERE conversation_id <> 0;

CREATE TABLE stream (
  account_id INTEGER NOT NULL PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
  id         TEXT    NOT NULL,
  location   TEXT    NOT NULL,
  jid        TEXT    NOT NULL,
  handled    INTEGER NOT NULL,
  max        INTEGER NOT NULL, -- microseconds
  updated    INTEGER NOT NULL
);

CREATE TABLE archive_cursor (
  account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  archive    TEXT    NOT NULL,
  cursor     TEXT    NOT NULL,
  complete   INTEGER NOT NULL,
  PRIMARY KEY (account_id, archive)
) WITHOUT ROWID;

CREATE TABLE archive_gap (
  id              INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  account_id      INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  archive         TEXT    NOT NULL,
  conversation_id INTEGER NOT NULL,
  after_id        TEXT    NOT NULL,
  before_id       TEXT    NOT NULL,
  sort_key        INTEGER NOT NULL,
  created         INTEGER NOT NULL
);
CREATE INDEX archive_gap_account ON archive_gap (account_id, id);
CREATE INDEX archive_gap_conversation ON archive_gap (conversation_id) WHERE conversation_id <> 0;

CREATE TABLE roster (
  account_id   INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  jid          TEXT    NOT NULL,
  name         TEXT    NOT NULL,
  subscription TEXT    NOT NULL,
  ask          INTEGER NOT NULL,
  group_names  TEXT    NOT NULL, -- JSON array of strings
  PRIMARY KEY (account_id, jid)
) WITHOUT ROWID;

CREATE TABLE caps (
  id   INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  ver  TEXT    NOT NULL UNIQUE,
  info BLOB    NOT NULL
);

-- account_id 0 is the whole client.
CREATE TABLE value (
  account_id INTEGER NOT NULL,
  key        TEXT    NOT NULL,
  value      BLOB    NOT NULL,
  PRIMARY KEY (account_id, key)
) WITHOUT ROWID;
CREATE TRIGGER account_values AFTER DELETE ON account BEGIN
  DELETE FROM value WHERE account_id = old.id;
END;
