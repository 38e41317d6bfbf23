// SPDX-License-Identifier: MPL-2.0

package microsocks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/confab-im/confab/internal/child"
	"github.com/confab-im/confab/internal/freeport"
)

const (
	startTimeout = 20 * time.Second
	portTries    = 5
)

// Proxy is a running SOCKS5 proxy.
type Proxy struct {
	Addr string // host:port

	process *child.Process
	output  *buffer
}

// Request is one connection that the proxy was asked for.
type Request struct {
	Host string // name or address, as the client gave it
	Port int
}

// Start runs a proxy until the test ends. user and password may both be empty:
// then the proxy asks for none.
func Start(t testing.TB, user, password string) *Proxy {
	t.Helper()
	p, err := New(t.Context(), user, password)
	if err != nil {
		t.Fatalf("start SOCKS proxy: %v", err)
	}
	t.Cleanup(p.Close)
	return p
}

// New runs a proxy. ctx bounds the start only. The caller must call Close.
func New(ctx context.Context, user, password string) (*Proxy, error) {
	path, err := child.LookPath("microsocks", "microsocks")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for range portTries {
		var p *Proxy
		if p, err = launch(ctx, path, user, password); err == nil {
			return p, nil
		}
	}
	return nil, err
}

func launch(ctx context.Context, path, user, password string) (*Proxy, error) {
	ports, err := freeport.Pick(1)
	if err != nil {
		return nil, err
	}
	args := []string{"-i", "127.0.0.1", "-p", strconv.Itoa(ports[0])}
	if user != "" {
		args = append(args, "-u", user, "-P", password)
	}
	p := &Proxy{Addr: freeport.Address(ports[0]), output: &buffer{}}
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = p.output, p.output
	if p.process, err = child.Start(cmd); err != nil {
		return nil, err
	}
	if err := p.awaitReady(ctx); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// awaitReady polls until the port answers as SOCKS5 while the process lives: a
// process that could not open the port ends at once.
func (p *Proxy) awaitReady(ctx context.Context) error {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := p.greet(ctx)
		if err == nil && p.process.Running() {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("await microsocks: %w", errors.Join(err, ctx.Err()))
		case <-p.process.Done():
			return fmt.Errorf("await microsocks: it ended: %v: %s", p.process.Err(), p.output)
		case <-ticker.C:
		}
	}
}

// greet makes the first step of RFC 1928 section 3, offering both methods.
func (p *Proxy) greet(ctx context.Context) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", p.Addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(2 * time.Second)); err != nil {
		return err
	}
	if _, err := conn.Write([]byte{5, 2, 0, 2}); err != nil {
		return err
	}
	answer := make([]byte, 2)
	if _, err := io.ReadFull(conn, answer); err != nil {
		return err
	}
	if answer[0] != 5 {
		return fmt.Errorf("not a SOCKS5 proxy")
	}
	return nil
}

var requestLine = regexp.MustCompile(`connected to (\S+):(\d+)`)

// Requests returns the connections made so far, in order.
func (p *Proxy) Requests() []Request {
	var requests []Request
	for _, match := range requestLine.FindAllStringSubmatch(p.output.String(), -1) {
		port, err := strconv.Atoi(match[2])
		if err != nil {
			continue
		}
		requests = append(requests, Request{Host: match[1], Port: port})
	}
	return requests
}

// Close ends the proxy and all its connections.
func (p *Proxy) Close() { p.process.Kill() }

// buffer collects output.
type buffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *buffer) Write(data []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(data)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
