-- SPDX-License-Identifier: MPL-2.0
-- Full text search. The index holds no copy of the texts: it reads them
-- through a view when it must forget one, which is why it is told before the
-- message changes. The token "c<conversation>" limits a search to one
-- conversation inside of the index.

CREATE VIEW message_text AS
  SELECT id AS rowid, 'c' || conversation_id AS conv, body FROM message WHERE body <> '';

CREATE VIRTUAL TABLE message_fts USING fts4 (
  conv, body,
  content="message_text", tokenize=unicode61 "remove_diacritics=2", matchinfo=fts3, order=desc, prefix="2"
);

CREATE TRIGGER message_fts_insert AFTER INSERT ON message WHEN new.body <> '' BEGIN
  INSERT INTO message_fts (docid, conv, body) VALUES (new.id, 'c' || new.conversation_id, new.body);
END;
CREATE TRIGGER message_fts_delete BEFORE DELETE ON message WHEN old.body <> '' BEGIN
  DELETE FROM message_fts WHERE docid = old.id;
END;
CREATE TRIGGER message_fts_forget BEFORE UPDATE OF body ON message WHEN old.body <> '' BEGIN
  DELETE FROM message_fts WHERE docid = old.id;
END;
CREATE TRIGGER message_fts_update AFTER UPDATE OF body ON message WHEN new.body <> '' BEGIN
  INSERT INTO message_fts (docid, conv, body) VALUES (new.id, 'c' || new.conversation_id, new.body);
END;

INSERT INTO message_fts (docid, conv, body)
  SELECT id, 'c' || conversation_id, body FROM message WHERE body <> '' ORDER BY id;
