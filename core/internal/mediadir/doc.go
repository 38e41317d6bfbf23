// SPDX-License-Identifier: MPL-2.0

// Package mediadir keeps the files of messages in a folder beside the database,
// each encrypted with a key of its own that only the database has. Once its row
// is gone nobody can read a file any more, whatever becomes of its bytes.
//
// The encrypted form is that of crypto/media, in which files are also uploaded
// for encrypted conversations: the same bytes are kept and sent, and no key ever
// encrypts twice.
//
// A file appears under its name when it is complete and on the disk. What no row
// names any more is removed by Sweep; what is being made is held until then.
//
// What it does not do: it knows no messages and no network.
//
// # Concurrency
//
// A Folder may be used by many goroutines. Pictures are decoded one at a time,
// because each may take much memory.
package mediadir
