// SPDX-License-Identifier: MPL-2.0

package testserver

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/confab-im/confab/internal/child"
	"github.com/confab-im/confab/internal/freeport"
)

const (
	startTimeout = 90 * time.Second // generous: test machines are small and busy
	stopGrace    = 10 * time.Second
	portTries    = 5
)

// errPortTaken makes start pick other ports.
var errPortTaken = errors.New("a port was taken")

// Server is a running server.
type Server struct {
	Kind   Kind
	Domain string
	Dir    string // everything the server keeps on disk

	Addr          string // host:port of the XMPP port that expects STARTTLS
	DirectTLSAddr string // host:port of the XMPP port with TLS from the first byte (XEP-0368)
	HTTPAddr      string // host:port of plain HTTP
	HTTPSAddr     string // host:port of HTTPS: uploads

	CAFile string         // PEM file of the authority that signed the server's certificate
	CAPool *x509.CertPool // the same, trusting nothing else

	settings settings
	flavour  flavour
	secret   string // authorises calls to the administration interface
	process  *child.Process
}

// flavour is what differs between the server programs.
type flavour interface {
	// prepare writes the configuration.
	prepare(s *Server) error
	// command returns the command that runs the server in the foreground.
	command(s *Server) (*exec.Cmd, error)
	// portTaken tells from a log that a port could not be opened.
	portTaken(log string) bool
	// administer runs one administration command.
	administer(ctx context.Context, s *Server, action string, args map[string]string) error
}

// Start runs a server until the test ends. It ends the test when the server
// cannot be started. When the test fails, the end of the server's log is
// added to the test's log.
func Start(t testing.TB, kind Kind, opts ...Option) *Server {
	t.Helper()
	s, err := Run(t.Context(), kind, t.TempDir(), opts...)
	if err != nil {
		t.Fatalf("start test server: %v", err)
	}
	t.Cleanup(func() {
		s.Close()
		if t.Failed() {
			t.Logf("end of the log of %s:\n%s", kind, tail(s.Log(), 60))
		}
	})
	return s
}

// Run starts a server that keeps its files in dir, which must exist, and
// returns once it is ready. ctx bounds the start only. The caller must call
// Close.
func Run(ctx context.Context, kind Kind, dir string, opts ...Option) (*Server, error) {
	settings, err := newSettings(kind, opts)
	if err != nil {
		return nil, err
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("locate server folder: %w", err)
	}
	s := &Server{Kind: kind, Domain: settings.Domain, Dir: dir, settings: settings}
	if kind == Prosody {
		s.flavour = prosody{}
	} else {
		s.flavour = ejabberd{}
	}
	if _, err := s.flavour.command(s); err != nil {
		return nil, err // a missing program is told before anything is written
	}
	if err := s.certify(); err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		if err = s.pickPorts(); err != nil {
			return nil, err
		}
		if err = s.flavour.prepare(s); err != nil {
			return nil, err
		}
		if err = s.launch(ctx); err == nil {
			return s, nil
		}
		if !errors.Is(err, errPortTaken) || try == portTries {
			return nil, err
		}
	}
}

func (s *Server) pickPorts() error {
	ports, err := freeport.Pick(4)
	if err != nil {
		return err
	}
	s.Addr = freeport.Address(ports[0])
	s.DirectTLSAddr = freeport.Address(ports[1])
	s.HTTPAddr = freeport.Address(ports[2])
	s.HTTPSAddr = freeport.Address(ports[3])
	return nil
}

// certify makes the server's key and certificate.
func (s *Server) certify() error {
	ca := s.settings.ca
	if ca == nil {
		var err error
		if ca, err = NewCA(); err != nil {
			return err
		}
	}
	certificate, key, err := ca.Issue(s.Domain, "conference."+s.Domain, "upload."+s.Domain,
		"pubsub."+s.Domain, "localhost", "127.0.0.1")
	if err != nil {
		return err
	}
	s.CAFile, s.CAPool = s.path("ca.pem"), ca.Pool()
	return s.write(map[string][]byte{
		"ca.pem":   ca.PEM,
		"cert.pem": certificate,
		"key.pem":  key,
		"all.pem":  append(append([]byte{}, key...), certificate...),
	})
}

// launch runs the server and waits until it is ready.
func (s *Server) launch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	cmd, err := s.flavour.command(s)
	if err != nil {
		return err
	}
	output, err := os.OpenFile(s.path("output.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open server output: %w", err)
	}
	defer output.Close()
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.Dir, output, output
	start := s.logEnd()
	if s.process, err = child.Start(cmd); err != nil {
		return err
	}
	if err := s.awaitReady(ctx, start); err != nil {
		s.process.Kill()
		return fmt.Errorf("await %s: %w\n%s", s.Kind, err, tail(s.Log(), 30))
	}
	return nil
}

// Running reports whether the server process lives.
func (s *Server) Running() bool { return s.process.Running() }

// PID returns the id of the server process.
func (s *Server) PID() int { return s.process.PID() }

// Stop ends the server in an orderly way. Restart starts it again.
func (s *Server) Stop() { s.process.Stop(stopGrace) }

// Kill ends the server with SIGKILL, as a crash would. Restart starts it again.
// Prosody has then kept whatever it confirmed; ejabberd may have lost what it
// stored in the last seconds, because Mnesia writes its log with a delay.
func (s *Server) Kill() { s.process.Kill() }

// Restart starts the server again with the data it has and on the same ports,
// after an orderly stop when it is running. It returns when the server is ready.
func (s *Server) Restart() error {
	s.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for {
		err := s.launch(ctx)
		if !errors.Is(err, errPortTaken) || ctx.Err() != nil {
			return err // the ports are ours, a rival can only be passing
		}
	}
}

// Freeze stops the server from running without closing its sockets: it answers
// nothing until Thaw.
func (s *Server) Freeze() { s.process.Freeze() }

// Thaw lets a frozen server go on.
func (s *Server) Thaw() { s.process.Thaw() }

// Close ends the server for good. Its folder stays.
func (s *Server) Close() {
	s.process.Thaw()
	s.process.Stop(stopGrace)
}

// logFiles are what the server logs to and prints to.
var logFiles = [...]string{"server.log", "output.log"}

// logPosition is a position in each of the logFiles.
type logPosition [len(logFiles)]int64

// Log returns what the server has logged and printed so far.
func (s *Server) Log() string { return s.logSince(logPosition{}) }

// logEnd returns the present end of the log.
func (s *Server) logEnd() logPosition {
	var end logPosition
	for i, name := range logFiles {
		if info, err := os.Stat(s.path(name)); err == nil {
			end[i] = info.Size()
		}
	}
	return end
}

func (s *Server) logSince(start logPosition) string {
	var b strings.Builder
	for i, name := range logFiles {
		if content, err := os.ReadFile(s.path(name)); err == nil {
			b.Write(content[min(start[i], int64(len(content))):])
		}
	}
	return b.String()
}

func (s *Server) path(name string) string { return filepath.Join(s.Dir, name) }

func (s *Server) write(files map[string][]byte) error {
	for name, content := range files {
		path := s.path(name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return fmt.Errorf("make server folder: %w", err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return fmt.Errorf("write server file: %w", err)
		}
	}
	return nil
}

// tail returns the last n lines of text.
func tail(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
