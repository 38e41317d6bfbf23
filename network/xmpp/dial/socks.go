// SPDX-License-Identifier: MPL-2.0

package dial

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// SOCKS5, RFC 1928 and RFC 1929.
const (
	socksVersion  = 5
	socksConnect  = 1
	socksIPv4     = 1
	socksName     = 3
	socksIPv6     = 4
	socksNoAuth   = 0
	socksPassword = 2
	socksNone     = 0xff
)

// proxy is a checked Proxy.
type proxy struct {
	network            string
	addresses          []string // tried in turn
	username, password string
}

// newProxy checks a Proxy and settles the credentials.
func newProxy(p Proxy, isolationKey string) (*proxy, error) {
	out := &proxy{network: "tcp", username: p.Username, password: p.Password}
	if len(p.Username) > 255 || len(p.Password) > 255 || p.Username == "" && p.Password != "" {
		return nil, fmt.Errorf("read proxy credentials: %w", ErrConfig)
	}
	if p.Username == "" && isolationKey != "" {
		out.username, out.password = isolation(isolationKey)
	}
	if path, ok := strings.CutPrefix(p.Address, "unix:"); ok && path != "" {
		out.network, out.addresses = "unix", []string{path}
		return out, nil
	}
	host, port, err := net.SplitHostPort(p.Address)
	n, portErr := strconv.ParseUint(port, 10, 16)
	if err != nil || portErr != nil || n == 0 {
		return nil, fmt.Errorf("read proxy address: %w", ErrConfig)
	}
	hosts := []string{host}
	if strings.EqualFold(host, "localhost") {
		hosts = []string{"127.0.0.1", "::1"}
	}
	for _, h := range hosts {
		if _, err := netip.ParseAddr(h); err != nil {
			return nil, fmt.Errorf("read proxy address: a name would have to be looked up: %w", ErrConfig)
		}
		out.addresses = append(out.addresses, net.JoinHostPort(h, port))
	}
	return out, nil
}

// isolation makes credentials out of a key: Tor puts streams with different
// ones on different circuits (IsolateSOCKSAuth). The key itself stays here.
func isolation(key string) (username, password string) {
	sum := sha256.Sum256([]byte("socks stream isolation\x00" + key))
	text := hex.EncodeToString(sum[:])
	return text[:32], text[32:]
}

// connectProxy connects to a target through the proxy, which does all looking
// up of names.
func (d *Dialer) connectProxy(ctx context.Context, t target) (net.Conn, error) {
	conn, err := d.reachProxy(ctx)
	if err != nil {
		return nil, fmt.Errorf("reach proxy: %w", errors.Join(ErrProxyUnreachable, err))
	}
	ctx, cancel := context.WithTimeout(ctx, d.cfg.Timeouts.Proxy)
	defer cancel()
	// The deadline in the past ends whatever read or write is under way.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	err = d.proxy.request(conn, t)
	if !stop() {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

func (d *Dialer) reachProxy(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.cfg.Timeouts.Connect)
	defer cancel()
	var errs []error
	for _, address := range d.proxy.addresses {
		conn, err := d.cfg.Connect(ctx, d.proxy.network, address)
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// request asks for a connection to a target. It reads not one byte more than
// the proxy's answer.
func (p *proxy) request(conn io.ReadWriter, t target) error {
	methods := []byte{socksVersion, 1, socksNoAuth}
	if p.username != "" {
		// Tor takes the first it likes best; others may know only the second.
		methods = []byte{socksVersion, 2, socksPassword, socksNoAuth}
	}
	if _, err := conn.Write(methods); err != nil {
		return err
	}
	var reply [2]byte
	if err := readSocks(conn, reply[:]); err != nil {
		return err
	}
	switch method := reply[1]; {
	case reply[0] != socksVersion:
		return ErrProxyProtocol
	case method == socksNone:
		return ErrProxyAuth
	case method == socksPassword && p.username != "":
		if err := p.authenticate(conn); err != nil {
			return err
		}
	case method != socksNoAuth:
		return ErrProxyProtocol
	}
	return connectRequest(conn, t)
}

// authenticate is RFC 1929.
func (p *proxy) authenticate(conn io.ReadWriter) error {
	msg := append([]byte{1, byte(len(p.username))}, p.username...)
	msg = append(append(msg, byte(len(p.password))), p.password...)
	if _, err := conn.Write(msg); err != nil {
		return err
	}
	var reply [2]byte
	if err := readSocks(conn, reply[:]); err != nil {
		return err
	}
	if reply[1] != 0 {
		return ErrProxyAuth
	}
	return nil
}

func connectRequest(conn io.ReadWriter, t target) error {
	msg := []byte{socksVersion, socksConnect, 0}
	if addr, err := netip.ParseAddr(t.host); err == nil {
		kind := byte(socksIPv6)
		if addr.Is4() {
			kind = socksIPv4
		}
		msg = append(append(msg, kind), addr.AsSlice()...)
	} else {
		msg = append(append(msg, socksName, byte(len(t.host))), t.host...)
	}
	if _, err := conn.Write(binary.BigEndian.AppendUint16(msg, t.port)); err != nil {
		return err
	}
	var head [4]byte
	if err := readSocks(conn, head[:]); err != nil {
		return err
	}
	if head[0] != socksVersion {
		return ErrProxyProtocol
	}
	if head[1] != 0 {
		return replyError(head[1])
	}
	// The bound address says nothing of use, but has to be read.
	size := 0
	switch head[3] {
	case socksIPv4:
		size = 4
	case socksIPv6:
		size = 16
	case socksName:
		var n [1]byte
		if err := readSocks(conn, n[:]); err != nil {
			return err
		}
		size = int(n[0])
	default:
		return ErrProxyProtocol
	}
	return readSocks(conn, make([]byte, size+2))
}

// readSocks reads exactly len(b) bytes.
func readSocks(r io.Reader, b []byte) error {
	_, err := io.ReadFull(r, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %w", ErrProxyProtocol, err)
	}
	return err
}

// replyError gives the replies of RFC 1928 section 6, and those of Tor from
// 0xf0 on, their meaning.
func replyError(reply byte) error {
	kind := ErrProxyFailed
	switch {
	case reply == 2:
		kind = ErrProxyRefused
	case reply == 3, reply == 4, reply >= 0xf0 && reply <= 0xf7:
		kind = ErrUnreachable
	case reply == 5:
		kind = ErrRefused
	case reply == 6:
		kind = ErrTimeout
	}
	return fmt.Errorf("proxy reply %#02x: %w", reply, kind)
}
