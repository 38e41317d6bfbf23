// SPDX-License-Identifier: MPL-2.0

package testserver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

const pollInterval = 20 * time.Millisecond

// awaitReady polls until the server answers on every port. What it has logged
// since start tells whether a port was taken.
func (s *Server) awaitReady(ctx context.Context, start logPosition) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		err := s.probe(ctx)
		if s.flavour.portTaken(s.logSince(start)) {
			return errPortTaken
		}
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not ready in time: %w", errors.Join(err, ctx.Err()))
		case <-s.process.Done():
			return fmt.Errorf("server ended: %v", s.process.Err())
		case <-ticker.C:
		}
	}
}

// probe checks every port once. The certificate proves that it is this server
// which answers, and not another one that was quicker to take the port.
func (s *Server) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := s.probeSTARTTLS(ctx); err != nil {
		return fmt.Errorf("probe STARTTLS port: %w", err)
	}
	if err := s.probeTLS(ctx, s.DirectTLSAddr, s.Domain); err != nil {
		return fmt.Errorf("probe direct TLS port: %w", err)
	}
	if err := s.probeTLS(ctx, s.HTTPSAddr, "127.0.0.1"); err != nil {
		return fmt.Errorf("probe HTTPS port: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.HTTPAddr+"/", nil)
	if err != nil {
		return fmt.Errorf("probe HTTP port: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("probe HTTP port: %w", err)
	}
	return response.Body.Close()
}

func (s *Server) probeTLS(ctx context.Context, addr, name string) error {
	dialer := tls.Dialer{Config: &tls.Config{RootCAs: s.CAPool, ServerName: name}}
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	return conn.Close()
}

func (s *Server) probeSTARTTLS(ctx context.Context) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", s.Addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	header := "<?xml version='1.0'?><stream:stream xmlns='jabber:client'" +
		" xmlns:stream='http://etherx.jabber.org/streams' version='1.0' to='" + s.Domain + "'>"
	if err := exchange(conn, header, "</stream:features>"); err != nil {
		return err
	}
	if err := exchange(conn, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", "<proceed"); err != nil {
		return err
	}
	return tls.Client(conn, &tls.Config{RootCAs: s.CAPool, ServerName: s.Domain}).HandshakeContext(ctx)
}

// exchange sends a request and reads until the answer holds want and a closing
// bracket after it.
func exchange(conn net.Conn, request, want string) error {
	if _, err := conn.Write([]byte(request)); err != nil {
		return err
	}
	var answer strings.Builder
	buf := make([]byte, 4096)
	for {
		n, err := conn.Read(buf)
		answer.Write(buf[:n])
		if _, after, found := strings.Cut(answer.String(), want); found {
			if strings.HasSuffix(want, ">") || strings.Contains(after, ">") {
				return nil
			}
		}
		if err != nil {
			return fmt.Errorf("no %s in the answer: %w", want, err)
		}
	}
}
