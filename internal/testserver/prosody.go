// SPDX-License-Identifier: MPL-2.0

package testserver

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/confab-im/confab/internal/child"
)

// prosody runs Debian's Prosody, 0.12.
type prosody struct{}

func (prosody) command(s *Server) (*exec.Cmd, error) {
	path, err := child.LookPath("prosody", "prosody")
	if err != nil {
		return nil, err
	}
	if s.settings.SASL2 {
		if found, _ := filepath.Glob("/usr/lib/prosody/modules/mod_sasl2/mod_sasl2.lua"); len(found) == 0 {
			return nil, fmt.Errorf("find mod_sasl2: %w: install the Debian package prosody-modules", child.ErrNotInstalled)
		}
	}
	// A relative path would be looked up in /etc/prosody.
	return exec.Command(path, "-F", "--config", s.path("prosody.cfg.lua")), nil
}

func (prosody) prepare(s *Server) error {
	s.secret = rand.Text()
	driver, _ := filepath.Glob("/usr/lib/*/lua/5.*/dbd/sqlite3.so")
	v := view{SQL: len(driver) > 0, DisabledMechanisms: []string{"DIGEST-MD5"}}
	if s.settings.PlainOnly {
		for _, hash := range []string{"SHA-1", "SHA-256"} {
			v.DisabledMechanisms = append(v.DisabledMechanisms, "SCRAM-"+hash, "SCRAM-"+hash+"-PLUS")
		}
	}
	config, err := s.render("prosody.cfg.lua.tmpl", v)
	if err != nil {
		return err
	}
	files := map[string][]byte{"prosody.cfg.lua": config, "data/.keep": nil}
	for _, name := range []string{"mod_confab_admin.lua", "mod_confab_sasl2_compat.lua"} {
		if files["modules/"+name], err = data.ReadFile("data/" + name); err != nil {
			return fmt.Errorf("read Prosody module: %w", err)
		}
	}
	return s.write(files)
}

func (prosody) portTaken(log string) bool {
	return strings.Contains(log, "Failed to open server port")
}

// administer calls mod_confab_admin.
func (prosody) administer(ctx context.Context, s *Server, action string, args map[string]string) error {
	form := url.Values{"secret": {s.secret}}
	for name, value := range args {
		form.Set(name, value)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost,
		"http://"+s.HTTPAddr+"/confab/"+action, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	request.Host = s.Domain
	return call(request)
}

// call makes a request that must be answered with status 200.
func call(request *http.Request) error {
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", response.Status, strings.TrimSpace(string(body)))
	}
	return nil
}
