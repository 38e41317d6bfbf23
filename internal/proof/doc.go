// SPDX-License-Identifier: MPL-2.0

// Package proof lets tests with real servers say which standards they have
// shown to work there, for the report that `make compliance` writes.
//
// It writes nothing unless the environment variable CONFAB_PROOFS names a file,
// and nothing for a test that has failed. Tests may run at once, in several
// processes too: each line is one write to the end of the file.
package proof
