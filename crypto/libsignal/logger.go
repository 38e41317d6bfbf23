// SPDX-License-Identifier: MPL-2.0

package libsignal

import "go.mau.fi/libsignal/logger"

// The module's logger is an unsynchronised package variable, by default prints
// to standard output and is handed cipher keys. It is replaced before any
// goroutine can use it and never touched again.
func init() {
	var silent logger.Loggable = discard{}
	logger.Setup(&silent)
}

type discard struct{}

func (discard) Debug(string, string)   {}
func (discard) Info(string, string)    {}
func (discard) Warning(string, string) {}
func (discard) Error(string, string)   {}
func (discard) Configure(string)       {}
