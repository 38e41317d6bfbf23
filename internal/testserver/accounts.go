// SPDX-License-Identifier: MPL-2.0

package testserver

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
	"time"
)

const administerTimeout = 30 * time.Second

// Account is an account on a test server.
type Account struct {
	User     string // local part
	Domain   string
	Password string
}

// JID returns the bare address.
func (a Account) JID() string { return a.User + "@" + a.Domain }

// Register creates an account.
func (s *Server) Register(user, password string) error {
	return s.administer("register", map[string]string{"user": user, "password": password})
}

// NewAccount registers an account with a user name that begins with prefix
// and has not been used before, and ends the test when that fails.
func (s *Server) NewAccount(t testing.TB, prefix string) Account {
	t.Helper()
	a := Account{
		User:     prefix + "-" + strings.ToLower(rand.Text()[:10]),
		Domain:   s.Domain,
		Password: rand.Text(),
	}
	if err := s.Register(a.User, a.Password); err != nil {
		t.Fatal(err)
	}
	return a
}

// Unregister removes an account. Its streams are closed by the server.
func (s *Server) Unregister(user string) error {
	return s.administer("unregister", map[string]string{"user": user})
}

// ChangePassword sets another password for an account.
func (s *Server) ChangePassword(user, password string) error {
	return s.administer("password", map[string]string{"user": user, "password": password})
}

// Befriend gives two accounts of this server a mutual presence subscription,
// with roster pushes to whoever is online.
func (s *Server) Befriend(a, b string) error {
	for _, pair := range [][2]string{{a, b}, {b, a}} {
		err := s.administer("contact", map[string]string{"user": pair[0], "contact": pair[1]})
		if err != nil {
			return err
		}
	}
	return nil
}

// Kick closes all streams of an account. They cannot be resumed.
func (s *Server) Kick(user string) error {
	return s.administer("kick", map[string]string{"user": user})
}

func (s *Server) administer(action string, args map[string]string) error {
	ctx, cancel := context.WithTimeout(context.Background(), administerTimeout)
	defer cancel()
	if err := s.flavour.administer(ctx, s, action, args); err != nil {
		return fmt.Errorf("%s account on %s: %w", action, s.Kind, err)
	}
	return nil
}
