// SPDX-License-Identifier: MPL-2.0

// Package storage keeps everything that the SDK knows in one encrypted
// database: accounts, conversations and messages, what was seen and what waits
// to be sent, stream and archive positions, the roster, and OMEMO's keys.
//
// It keeps rows. It does not know protocols, does not decide trust, does not
// encrypt messages, and tells nobody that something changed; core does.
//
// # Transactions
//
// [DB.Update] runs one write transaction at a time and returns nil only when
// the commit is on the disk (WAL mode with synchronous=FULL), so that whoever
// acknowledges afterwards acknowledges what is kept. [DB.View] gives readers a
// snapshot each; they neither wait for the writer nor hold it up. Both mark
// their context, see [InTransaction]. A transaction that SQLite may have undone
// in part, as it does when the disk is full, can only be rolled back.
//
// What belongs together changes together: inserting a message updates the
// conversation's last message, preview and unread count, and the search index,
// in the same call.
//
// # Keys
//
// The file is encrypted with 32 random bytes, either the caller's ([RawKey]) or
// made here and wrapped under a [Passphrase] with Argon2id and
// XChaCha20-Poly1305 in a file beside the database. The passphrase is stretched
// once per Open, and changing it wraps 32 bytes anew. [DB.Close] overwrites
// this package's copy of the key; copies that the runtime and the driver made
// on the way are out of reach, so memory of the running process is not
// protected.
//
// A wrong key, a damaged first page and a foreign file look alike: ErrKey. No
// file is ever changed, moved or removed because it cannot be read.
//
// Each page is authenticated by itself. Someone who can write to the file can
// put an old page, or the whole old file, in its place unnoticed; a host that
// fears this needs a counter elsewhere. Deleted texts are overwritten where that
// costs nothing and may stay in free pages and in the search index until they
// are reused; they are encrypted like everything else.
//
// # Files
//
// A lock file keeps a second process out (ErrInUse). All files have mode 0600.
// The write-ahead log is emptied by the writer whenever a commit leaves more
// than 4 MiB in it; a View that stays open for long delays that. Only the
// writer's connection ever runs a checkpoint, since a checkpoint beside a write
// can damage the file in the SQLite that is linked.
//
// # Speed
//
// The ratios are from the benchmarks of this package, with 100,000 messages in
// 500 conversations. Messages are clustered by conversation and sort key: a page
// of 50 is one walk through neighbouring rows, costs about as much as 14 reads
// by id, and the same deep in the past as at the newest end. The conversation
// list comes from columns kept with each message; 50 rows of it cost hardly more
// than a page of messages. A row in a transaction of 1000 costs about half of one
// in a transaction of 100, and a fourteenth of one alone.
//
// The search index is FTS4 (the linked SQLite has no FTS5 without a build tag),
// newest first, with a token for the conversation in each row. It keeps no copy
// of the texts but reads them from the messages through a view when it has to
// forget one, which triggers see to: a second copy made the whole file a fifth
// larger. An index of two-letter prefixes adds a fifth, too, and answers the
// first letters a person types about ten times faster; longer words need none.
// The tokenizer splits at spaces and punctuation, so in scripts without them a
// search finds the beginnings of runs only.
//
// # Building
//
// cgo is required, see package sqlcipher; the first build compiles SQLCipher.
// SQLite 3.33 knows neither RETURNING nor STRICT tables. Migrations are numbered
// files in the folder migrations, never edited after a release.
//
// # Concurrency
//
// A DB may be used by several goroutines. A Reader or Tx belongs to the
// goroutine of its function. The package starts no goroutine of its own. Inside
// of Update and View, use their context for everything: a call that waits for
// the same database with another context waits for ever.
package storage
