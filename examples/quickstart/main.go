// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"github.com/confab-im/confab/core"
	"github.com/confab-im/confab/crypto/libsignal"
)

type options struct {
	account, passwordFile, database, keyFile, host, caFile, socks, log string
	register, json, directTLS, plain                                   bool
}

func main() {
	var o options
	flag.StringVar(&o.account, "account", "", "address to sign in with, user@domain")
	flag.StringVar(&o.passwordFile, "password-file", "", "file with the password; without it CONFAB_PASSWORD, else it is asked for")
	flag.BoolVar(&o.register, "register", false, "make the account on its server first")
	flag.StringVar(&o.database, "db", "quickstart.db", "database file")
	flag.StringVar(&o.keyFile, "key-file", "", "file with the database key in hexadecimal, made if missing (default: the database's name with .hexkey)")
	flag.StringVar(&o.host, "host", "", "host:port to connect to instead of asking DNS")
	flag.BoolVar(&o.directTLS, "direct-tls", false, "with -host: TLS from the first byte instead of STARTTLS")
	flag.StringVar(&o.caFile, "ca", "", "PEM file with a further certificate authority")
	flag.StringVar(&o.socks, "socks", "", "SOCKS5 proxy host:port, for Tor")
	flag.BoolVar(&o.plain, "allow-plain", false, "accept servers that only know SASL PLAIN")
	flag.BoolVar(&o.json, "json", false, "read commands and print events as JSON lines")
	flag.StringVar(&o.log, "log", "", "file for a debug log")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintf(os.Stderr, "%v [%s]\n", err, core.ErrorCode(err))
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	cfg := core.Config{Path: o.database, Engine: libsignal.New(), AllowPlain: o.plain}
	if cfg.Key, err = databaseKey(o); err != nil {
		return err
	}
	if o.caFile != "" {
		pem, err := os.ReadFile(o.caFile)
		if err != nil {
			return err
		}
		if cfg.RootCAs, err = x509.SystemCertPool(); err != nil {
			cfg.RootCAs = x509.NewCertPool()
		}
		cfg.RootCAs.AppendCertsFromPEM(pem)
	}
	if o.log != "" {
		f, err := os.OpenFile(o.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		defer f.Close()
		cfg.Logger = slog.New(slog.NewJSONHandler(f, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	client, err := core.Open(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	if o.json {
		return newDriver(client, o, os.Stdin, os.Stdout).run(ctx)
	}
	return newTerminal(client, o, os.Stdin, os.Stdout).run(ctx)
}

// databaseKey reads the key, or makes one for a database that does not exist.
func databaseKey(o options) ([]byte, error) {
	name := o.keyFile
	if name == "" {
		name = o.database + ".hexkey"
	}
	text, err := os.ReadFile(name)
	if err == nil {
		key, err := hex.DecodeString(string(bytes.TrimSpace(text)))
		if err != nil {
			return nil, fmt.Errorf("read key file %s: not hexadecimal", name)
		}
		return key, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if _, err := os.Stat(o.database); err == nil {
		return nil, fmt.Errorf("database %s exists, but not its key file %s", o.database, name)
	}
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	return key, os.WriteFile(name, []byte(hex.EncodeToString(key)+"\n"), 0o600)
}

// accountConfig makes the configuration of an account from the flags.
func (o options) accountConfig(jid string, password []byte) (core.AccountConfig, error) {
	cfg := core.AccountConfig{JID: jid, Password: password, Proxy: o.socks, DirectTLS: o.directTLS}
	if o.host != "" {
		host, port, err := net.SplitHostPort(o.host)
		if err != nil {
			return cfg, fmt.Errorf("-host: %w", err)
		}
		if cfg.Port, err = strconv.Atoi(port); err != nil {
			return cfg, fmt.Errorf("-host: port: %w", err)
		}
		cfg.Host = host
	}
	return cfg, nil
}

func (o options) password() ([]byte, error) {
	if o.passwordFile == "" {
		return []byte(os.Getenv("CONFAB_PASSWORD")), nil
	}
	text, err := os.ReadFile(o.passwordFile)
	return bytes.TrimRight(text, "\r\n"), err
}

// signIn returns the account for jid, signing in or registering if it is new.
func signIn(ctx context.Context, client *core.Client, o options, jid string, password []byte, register bool) (*core.Account, error) {
	for _, a := range client.Accounts() {
		if strings.EqualFold(a.JID(), jid) || jid == "" {
			return a, nil
		}
	}
	cfg, err := o.accountConfig(jid, password)
	if err != nil {
		return nil, err
	}
	if register {
		return client.Register(ctx, cfg)
	}
	return client.AddAccount(ctx, cfg)
}
