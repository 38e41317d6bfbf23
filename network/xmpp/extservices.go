// SPDX-License-Identifier: MPL-2.0

// XEP-0215: External Service Discovery

package xmpp

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/confab-im/confab/network/xmpp/element"
)

// NSExternalServices is the namespace of external services, and the feature by
// which a server announces them.
const NSExternalServices = "urn:xmpp:extdisco:2"

// maxExternalServices bounds the services of one server.
const maxExternalServices = 64

// An ExternalService is one that is not XMPP, such as a relay for calls.
type ExternalService struct {
	Type               string // such as stun, turn, turns
	Host               string
	Port               uint16
	Transport          string // udp or tcp
	Username, Password string
	Expires            time.Time // of the credentials; zero: not said
	Restricted         bool      // needs credentials
}

// FetchExternalServices fetches the services of our server.
//
// Errors: [ErrAnswer] and those of [stream.Stream.IQ].
func (c *Client) FetchExternalServices(ctx context.Context) ([]ExternalService, error) {
	answer, err := c.fetch(ctx, c.self.Domain(), element.New(NSExternalServices, "services"))
	if err != nil {
		return nil, fmt.Errorf("fetch external services: %w", err)
	}
	return parseExternalServices(answer), nil
}

func parseExternalServices(x *element.Element) (list []ExternalService) {
	for s := range x.All(NSExternalServices, "service") {
		v := ExternalService{
			Type: s.AttrValue("type"), Host: s.AttrValue("host"), Transport: s.AttrValue("transport"),
			Username: s.AttrValue("username"), Password: s.AttrValue("password"), Restricted: isTrue(s.AttrValue("restricted")),
		}
		if port := s.AttrValue("port"); port != "" {
			n, err := strconv.ParseUint(port, 10, 16)
			if err != nil {
				continue
			}
			v.Port = uint16(n)
		}
		if v.Type == "" || v.Host == "" || len(v.Host) > 255 {
			continue
		}
		if at, err := time.Parse(time.RFC3339, s.AttrValue("expires")); err == nil {
			v.Expires = at
		}
		if list = append(list, v); len(list) == maxExternalServices {
			break
		}
	}
	return list
}
