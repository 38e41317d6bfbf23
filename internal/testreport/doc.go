// SPDX-License-Identifier: MPL-2.0

// Command testreport runs go test and tells clearly what came of it: a line per
// package while it runs, then the output of the tests that failed, and last the
// sums. Its arguments are those of go test.
//
// A run in which no test ran, or in which a test was skipped, is a failure: a
// missing server must be noticed.
package main
