-- SPDX-License-Identifier: MPL-2.0
-- OMEMO: own keys, devices, sessions and trust. Keys are the raw 32 bytes.

CREATE TABLE omemo_identity (
  account_id  INTEGER NOT NULL PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
  device      INTEGER NOT NULL,
  private_key BLOB    NOT NULL,
  public_key  BLOB    NOT NULL
);

CREATE TABLE omemo_status (
  account_id  INTEGER NOT NULL PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
  catching_up INTEGER NOT NULL
);

CREATE TABLE omemo_prekey (
  account_id  INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  id          INTEGER NOT NULL,
  private_key BLOB    NOT NULL,
  public_key  BLOB    NOT NULL,
  used        INTEGER NOT NULL,
  PRIMARY KEY (account_id, id)
) WITHOUT ROWID;

CREATE TABLE omemo_signed_prekey (
  account_id  INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  id          INTEGER NOT NULL,
  private_key BLOB    NOT NULL,
  public_key  BLOB    NOT NULL,
  signature   BLOB    NOT NULL,
  created     INTEGER NOT NULL,
  PRIMARY KEY (account_id, id)
) WITHOUT ROWID;

CREATE TABLE omemo_device (
  account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  profile    INTEGER NOT NULL,
  jid        TEXT    NOT NULL,
  id         INTEGER NOT NULL,
  active     INTEGER NOT NULL,
  identity   BLOB    NOT NULL, -- empty until it is known
  label      TEXT    NOT NULL,
  last_seen  INTEGER NOT NULL,
  unanswered INTEGER NOT NULL,
  PRIMARY KEY (account_id, profile, jid, id)
) WITHOUT ROWID;

-- The newest session of a device has the largest rank.
CREATE TABLE omemo_session (
  account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  profile    INTEGER NOT NULL,
  jid        TEXT    NOT NULL,
  device     INTEGER NOT NULL,
  seq        INTEGER NOT NULL,
  rank       INTEGER NOT NULL,
  state      BLOB    NOT NULL,
  PRIMARY KEY (account_id, profile, jid, device, seq)
) WITHOUT ROWID;

-- By identity key, so that a decision holds for both profiles.
CREATE TABLE omemo_trust (
  account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  jid        TEXT    NOT NULL,
  identity   BLOB    NOT NULL,
  state      INTEGER NOT NULL,
  at         INTEGER NOT NULL,
  PRIMARY KEY (account_id, jid, identity)
) WITHOUT ROWID;

-- Contacts for whom a new key is not trusted blindly.
CREATE TABLE omemo_contact (
  account_id  INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  jid         TEXT    NOT NULL,
  blind_trust INTEGER NOT NULL,
  PRIMARY KEY (account_id, jid)
) WITHOUT ROWID;
