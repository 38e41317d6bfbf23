-- SPDX-License-Identifier: MPL-2.0
-- OMEMO in two profiles: devices have labels that they sign. What is signed of
-- a signed prekey differs by profile, so its signature is made when a bundle
-- is published and not kept.

ALTER TABLE omemo_identity ADD COLUMN label TEXT NOT NULL DEFAULT '';
ALTER TABLE omemo_device ADD COLUMN label_signature BLOB NOT NULL DEFAULT x'';

CREATE TABLE omemo_signed_prekey_unsigned (
  account_id  INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  id          INTEGER NOT NULL,
  private_key BLOB    NOT NULL,
  public_key  BLOB    NOT NULL,
  created     INTEGER NOT NULL,
  PRIMARY KEY (account_id, id)
) WITHOUT ROWID;
INSERT INTO omemo_signed_prekey_unsigned (account_id, id, private_key, public_key, created)
  SELECT account_id, id, private_key, public_key, created FROM omemo_signed_prekey;
DROP TABLE omemo_signed_prekey;
ALTER TABLE omemo_signed_prekey_unsigned RENAME TO omemo_signed_prekey;
