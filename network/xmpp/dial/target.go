// SPDX-License-Identifier: MPL-2.0

package dial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
)

// target is one place to try.
type target struct {
	host     string // name in ASCII, or IP address without brackets
	port     uint16
	direct   bool
	priority uint16
	weight   uint16
}

func (t target) String() string { return net.JoinHostPort(t.host, strconv.Itoa(int(t.port))) }

const (
	portStartTLS = 5222
	portDirect   = 5223
	portHTTPS    = 443
)

// maxTargets bounds how many places one domain can make a client try.
const maxTargets = 16

// targets returns where to try for a host, in order; port 0 leaves the port to
// DNS. Through a proxy DNS has nothing to say: SOCKS5 cannot ask for SRV
// records, so it is the host by name.
func (d *Dialer) targets(ctx context.Context, host string, port uint16) ([]target, error) {
	_, err := netip.ParseAddr(host)
	switch {
	case d.cfg.Proxy == nil && isOnion(host):
		return nil, ErrOnion
	case port != 0:
		return []target{{host: host, port: port, direct: d.directPort(port)}}, nil
	case err == nil || d.cfg.Proxy != nil:
		return []target{d.fallback(host)}, nil
	}
	return d.lookupTargets(ctx, host)
}

// directPort tells which TLS a port with no record about it means.
func (d *Dialer) directPort(port uint16) bool {
	switch d.cfg.Mode {
	case DirectOnly:
		return true
	case StartTLSOnly:
		return false
	}
	return port == portHTTPS || port == portDirect
}

// fallback is the host itself, RFC 6120 section 3.2.2.
func (d *Dialer) fallback(host string) target {
	if d.cfg.Mode == DirectOnly {
		return target{host: host, port: portDirect, direct: true}
	}
	return target{host: host, port: portStartTLS}
}

// srvAnswer is what DNS says about one service.
type srvAnswer struct {
	records []*net.SRV
	err     error
	direct  bool
}

// lookupTargets asks for both services at once and merges the answers
// (XEP-0368 section 3).
func (d *Dialer) lookupTargets(ctx context.Context, host string) ([]target, error) {
	ctx, cancel := context.WithTimeout(ctx, d.cfg.Timeouts.Resolve)
	defer cancel()
	var services []string
	if d.cfg.Mode != StartTLSOnly {
		services = append(services, "xmpps-client")
	}
	if d.cfg.Mode != DirectOnly {
		services = append(services, "xmpp-client")
	}
	answers := make(chan srvAnswer)
	for _, service := range services {
		go func() {
			_, records, err := d.cfg.Resolver.LookupSRV(ctx, service, "tcp", host)
			answers <- srvAnswer{records: records, err: err, direct: service == "xmpps-client"}
		}()
	}
	var targets []target
	exists := false // DNS knows the service, even if only to say that it is off
	for range services {
		a := <-answers
		if a.err != nil && len(a.records) == 0 {
			d.cfg.Logger.DebugContext(ctx, "no service records", "direct", a.direct, "error", a.err)
			continue
		}
		exists = exists || len(a.records) > 0
		targets = append(targets, usable(a)...)
	}
	switch {
	case len(targets) > 0:
		return d.order(targets), nil
	case exists:
		// RFC 2782 and XEP-0368: then there is no fallback to the domain.
		return nil, fmt.Errorf("look up service: %w", ErrNoService)
	}
	return []target{d.fallback(host)}, nil
}

// usable turns records into targets. A single "." says that the service is
// off; names that cannot be connected to are dropped.
func usable(a srvAnswer) []target {
	var out []target
	for _, r := range a.records {
		if r == nil || r.Port == 0 {
			continue
		}
		host, err := asciiHost(r.Target)
		if err != nil || host == "" || isOnion(host) {
			continue
		}
		out = append(out, target{host: host, port: r.Port, direct: a.direct, priority: r.Priority, weight: r.Weight})
	}
	return out
}

// order sorts by priority, then draws by weight within each (RFC 2782), as if
// the records of both services were of one.
func (d *Dialer) order(targets []target) []target {
	slices.SortStableFunc(targets, func(a, b target) int {
		if d.cfg.Mode == PreferDirect && a.direct != b.direct {
			if a.direct {
				return -1
			}
			return 1
		}
		return int(a.priority) - int(b.priority)
	})
	var out []target
	for start := 0; start < len(targets); {
		end := start + 1
		for end < len(targets) && targets[end].priority == targets[start].priority &&
			(d.cfg.Mode != PreferDirect || targets[end].direct == targets[start].direct) {
			end++
		}
		out = append(out, draw(targets[start:end], d.intN)...)
		start = end
	}
	return out[:min(len(out), maxTargets)]
}

// draw orders targets of one priority by the algorithm of RFC 2782: those of
// weight 0 first, a number up to and including the sum of weights, and the
// first whose running sum reaches it.
func draw(group []target, intN func(int) int) []target {
	slices.SortStableFunc(group, func(a, b target) int { return min(int(a.weight), 1) - min(int(b.weight), 1) })
	out := make([]target, 0, len(group))
	for len(group) > 0 {
		sum := 0
		for _, t := range group {
			sum += int(t.weight)
		}
		n, running, i := intN(sum+1), 0, 0
		for i = range group {
			if running += int(group[i].weight); running >= n {
				break
			}
		}
		out = append(out, group[i])
		group = slices.Delete(group, i, i+1)
	}
	return out
}

// parseLocation reads what a server named: host, host:port, [v6] or [v6]:port.
// A port of 0 means that it named none.
func parseLocation(location string) (host string, port uint16, err error) {
	host = location
	if _, err := netip.ParseAddr(location); err == nil {
		host = "[" + location + "]" // a bare IPv6 address is not host:port
	} else if h, p, err := net.SplitHostPort(location); err == nil {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return "", 0, errors.New("port out of range")
		}
		host, port = h, uint16(n)
	}
	host, err = asciiHost(host)
	if err == nil && host == "" {
		err = errors.New("empty host")
	}
	return host, port, err
}
