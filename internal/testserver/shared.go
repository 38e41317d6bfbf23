// SPDX-License-Identifier: MPL-2.0

package testserver

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
)

// Shared is one server for all tests of a package, started by the first test
// that asks for it. Tests keep apart by using accounts of their own, see
// [Server.NewAccount].
//
//	var prosody = testserver.NewShared(testserver.Prosody)
//
//	func TestMain(m *testing.M) { os.Exit(testserver.Main(m, prosody)) }
//
//	func TestLogin(t *testing.T) {
//		account := prosody.Server(t).NewAccount(t, "alice")
//	}
type Shared struct {
	Kind Kind

	opts []Option
	once sync.Once

	server *Server
	err    error
	dir    string
}

// NewShared describes a server; it does not start it.
func NewShared(kind Kind, opts ...Option) *Shared {
	return &Shared{Kind: kind, opts: opts}
}

// Server returns the server, starting it on first use, and ends the test when
// it could not be started.
func (s *Shared) Server(t testing.TB) *Server {
	t.Helper()
	s.once.Do(s.start)
	if s.err != nil {
		t.Fatalf("start shared test server: %v", s.err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("end of the log of %s:\n%s", s.Kind, tail(s.server.Log(), 60))
		}
	})
	return s.server
}

func (s *Shared) start() {
	if s.dir, s.err = os.MkdirTemp("", "confab-"+string(s.Kind)+"-"); s.err != nil {
		return
	}
	s.server, s.err = Run(context.Background(), s.Kind, s.dir, s.opts...)
}

// Close stops the server if it was started and removes its files.
func (s *Shared) Close() error {
	if s.server != nil {
		s.server.Close()
	}
	if s.dir == "" {
		return nil
	}
	if err := os.RemoveAll(s.dir); err != nil {
		return fmt.Errorf("remove server folder: %w", err)
	}
	return nil
}

// Main runs the tests of a package, closes the shared servers and returns the
// exit status.
func Main(m *testing.M, shared ...*Shared) int {
	status := m.Run()
	for _, s := range shared {
		if err := s.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			status = max(status, 1)
		}
	}
	return status
}
