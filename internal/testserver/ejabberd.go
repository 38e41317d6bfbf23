// SPDX-License-Identifier: MPL-2.0

package testserver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/confab-im/confab/internal/child"
)

// ejabberd runs Debian's ejabberd, 23.01. It is run by erl itself, because
// ejabberdctl insists on being root or the user ejabberd. The node has no name:
// it needs no epmd and no cookie, and several run side by side.
type ejabberd struct{}

func (ejabberd) command(s *Server) (*exec.Cmd, error) {
	path, err := child.LookPath("erl", "ejabberd")
	if err != nil {
		return nil, err
	}
	installed, _ := filepath.Glob("/usr/lib/*/ejabberd-*/ebin")
	if len(installed) == 0 {
		return nil, fmt.Errorf("find ejabberd: %w: install the Debian package ejabberd", child.ErrNotInstalled)
	}
	cmd := exec.Command(path, "+K", "true", "+S", "2", "-noinput", "-boot", "start_clean",
		"-mnesia", "dir", `"`+s.path("db")+`"`, "-s", "ejabberd")
	cmd.Env = append(os.Environ(),
		"HOME="+s.Dir,
		"ERL_LIBS="+filepath.Dir(filepath.Dir(installed[0])),
		"EJABBERD_CONFIG_PATH="+s.path("ejabberd.yml"),
		"EJABBERD_LOG_PATH="+s.path("server.log"),
		"EJABBERD_PID_PATH="+s.path("ejabberd.pid"),
		"ERL_CRASH_DUMP="+s.path("crash.dump"),
	)
	return cmd, nil
}

func (ejabberd) prepare(s *Server) error {
	v := view{DisabledMechanisms: []string{"digest-md5", "X-OAUTH2"}}
	if s.settings.PlainOnly {
		for _, hash := range []string{"SHA-1", "SHA-256", "SHA-512"} {
			v.DisabledMechanisms = append(v.DisabledMechanisms, "SCRAM-"+hash, "SCRAM-"+hash+"-PLUS")
		}
	}
	config, err := s.render("ejabberd.yml.tmpl", v)
	if err != nil {
		return err
	}
	if err := s.write(map[string][]byte{"ejabberd.yml": config, "db/.keep": nil}); err != nil {
		return err
	}
	if s.settings.NoArchive {
		return nil
	}
	return archiveDatabase(s)
}

// archiveDatabase makes the SQLite database of the archive. The archive in
// Mnesia, ejabberd's default, takes longer for every message that it holds:
// with two thousand, ejabberd handles no more than forty messages a second.
func archiveDatabase(s *Server) error {
	if found, _ := filepath.Glob("/usr/lib/erlang/lib/p1_sqlite3-*/ebin"); len(found) == 0 {
		return fmt.Errorf("find SQLite for ejabberd: %w: install the Debian package erlang-p1-sqlite3", child.ErrNotInstalled)
	}
	path, err := child.LookPath("sqlite3", "sqlite3")
	if err != nil {
		return err
	}
	schema, err := os.Open("/usr/share/ejabberd/sql/lite.sql")
	if err != nil {
		return fmt.Errorf("find ejabberd's SQL schema: %w: install the Debian package ejabberd", err)
	}
	defer schema.Close()
	// A first try with other ports may have left one.
	if err := os.Remove(s.path("archive.sqlite")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove archive database: %w", err)
	}
	cmd := exec.Command(path, s.path("archive.sqlite"))
	cmd.Stdin = schema
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make archive database: %w: %s", err, out)
	}
	return nil
}

func (ejabberd) portTaken(log string) bool {
	return strings.Contains(log, "eaddrinuse") || strings.Contains(log, "address already in use")
}

// administer calls mod_http_api.
func (ejabberd) administer(ctx context.Context, s *Server, action string, args map[string]string) error {
	command, arguments := "", map[string]string{"user": args["user"], "host": s.Domain}
	switch action {
	case "register":
		command, arguments["password"] = "register", args["password"]
	case "unregister":
		command = "unregister"
	case "password":
		command, arguments["newpass"] = "change_password", args["password"]
	case "kick":
		command = "kick_user"
	case "contact":
		command = "add_rosteritem"
		arguments = map[string]string{
			"localuser": args["user"], "localhost": s.Domain, "user": args["contact"], "host": s.Domain,
			"nick": "", "group": "", "subs": "both",
		}
	default:
		return fmt.Errorf("unknown action %q", action)
	}
	body, err := json.Marshal(arguments)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost,
		"http://"+s.HTTPAddr+"/api/"+command, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	return call(request)
}
