// SPDX-License-Identifier: MPL-2.0

package testserver

import (
	"bytes"
	"embed"
	"fmt"
	"net"
	"strconv"
	"text/template"
)

//go:embed data
var data embed.FS

// view is what the configuration templates see.
type view struct {
	settings
	Dir                        string
	Port, TLSPort, HTTP, HTTPS int
	Secret                     string
	SQL                        bool // Prosody can use SQLite
	ResumeSeconds              int
	DisabledMechanisms         []string
}

// render fills in the configuration template called name.
func (s *Server) render(name string, v view) ([]byte, error) {
	v.settings, v.Dir, v.Secret = s.settings, s.Dir, s.secret
	v.ResumeSeconds = int(s.settings.ResumeTime.Seconds())
	for addr, port := range map[string]*int{
		s.Addr: &v.Port, s.DirectTLSAddr: &v.TLSPort, s.HTTPAddr: &v.HTTP, s.HTTPSAddr: &v.HTTPS,
	} {
		_, text, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, fmt.Errorf("render %s: %w", name, err)
		}
		if *port, err = strconv.Atoi(text); err != nil {
			return nil, fmt.Errorf("render %s: %w", name, err)
		}
	}
	t, err := template.ParseFS(data, "data/"+name)
	if err != nil {
		return nil, fmt.Errorf("render %s: %w", name, err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, v); err != nil {
		return nil, fmt.Errorf("render %s: %w", name, err)
	}
	return b.Bytes(), nil
}
