// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strconv"

	"github.com/confab-im/confab/core"
)

// options are the flags.
type options struct {
	account, passwordFile, database, keyFile, host, caFile, socks, log string
	register, json, directTLS, plain, private                          bool
}

// parseFlags reads the command line and refuses what cannot work, before any
// file is made.
func parseFlags(args []string, messages io.Writer) (o options, err error) {
	f := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&o.account, "account", "", "address to sign in with, user@domain; of several accounts in the database, the one to use")
	f.StringVar(&o.passwordFile, "password-file", "", "file with the password; without it CONFAB_PASSWORD, else it is asked for")
	f.BoolVar(&o.register, "register", false, "make the account on its server first")
	f.StringVar(&o.database, "db", "quickstart.db", "database file")
	f.StringVar(&o.keyFile, "key-file", "", "file with the database key in hexadecimal, made if missing (default: the database's name with .hexkey)")
	f.StringVar(&o.host, "host", "", "host:port to connect to instead of asking DNS")
	f.BoolVar(&o.directTLS, "direct-tls", false, "with -host: TLS from the first byte instead of STARTTLS")
	f.StringVar(&o.caFile, "ca", "", "PEM file with a further certificate authority")
	f.StringVar(&o.socks, "socks", "", "SOCKS5 proxy host:port, for Tor")
	f.BoolVar(&o.plain, "allow-plain", false, "accept servers that only know SASL PLAIN")
	f.BoolVar(&o.private, "allow-private", false, "fetch files from addresses inside a local network too")
	f.BoolVar(&o.json, "json", false, "read commands and print events as JSON lines")
	f.StringVar(&o.log, "log", "", "file for a debug log")
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		f.SetOutput(messages)
		f.Usage()
		return o, err
	case err != nil:
		return o, usageError("%v; -h lists the flags", err)
	}
	if f.NArg() > 0 {
		return o, usageError("what is %q? -h lists the flags", f.Arg(0))
	}
	return o, o.check()
}

func (o options) check() error {
	if o.account != "" {
		if _, err := bareAddress(o.account); err != nil {
			return fmt.Errorf("-account: %w", err)
		}
	}
	if o.directTLS && o.host == "" {
		return usageError("-direct-tls needs -host")
	}
	if _, _, err := o.hostPort(); err != nil {
		return err
	}
	if o.account == "" && !o.json {
		if _, err := os.Stat(o.database); errors.Is(err, fs.ErrNotExist) {
			return usageError("-account is needed: there is no database %s yet", o.database)
		}
	}
	return nil
}

func (o options) hostPort() (host string, port int, err error) {
	if o.host == "" {
		return "", 0, nil
	}
	host, text, err := net.SplitHostPort(o.host)
	if err != nil || host == "" {
		return "", 0, usageError("-host %s: not HOST:PORT", o.host)
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 {
		return "", 0, usageError("-host %s: the port is not between 1 and 65535", o.host)
	}
	return host, int(n), nil
}

// accountConfig makes the configuration of an account from the flags.
func (o options) accountConfig(jid string, password []byte) (core.AccountConfig, error) {
	host, port, err := o.hostPort()
	return core.AccountConfig{
		JID: jid, Password: password, Host: host, Port: port, Proxy: o.socks, DirectTLS: o.directTLS,
	}, err
}

// password is empty if it is to be asked for.
func (o options) password() ([]byte, error) {
	if o.passwordFile == "" {
		return []byte(os.Getenv("CONFAB_PASSWORD")), nil
	}
	text, err := os.ReadFile(o.passwordFile)
	if err != nil {
		return nil, fileError("read -password-file", err)
	}
	return bytes.TrimRight(text, "\r\n"), nil
}

// roots returns the system's certificate authorities and that of -ca; nil
// without one.
func (o options) roots() (*x509.CertPool, error) {
	if o.caFile == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(o.caFile)
	if err != nil {
		return nil, fileError("read -ca", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, &codedError{"ca-file", fmt.Sprintf("-ca %s: no certificate in it", o.caFile)}
	}
	return pool, nil
}

const keySize = 32

// databaseKey reads the key, or makes one for a database that does not exist.
func databaseKey(o options) ([]byte, error) {
	name := o.keyFile
	if name == "" {
		name = o.database + ".hexkey"
	}
	text, err := os.ReadFile(name)
	if err == nil {
		key, err := hex.DecodeString(string(bytes.TrimSpace(text)))
		if err != nil || len(key) != keySize {
			return nil, &codedError{"key-file", fmt.Sprintf("key file %s: not %d hexadecimal digits", name, 2*keySize)}
		}
		return key, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fileError("read key file", err)
	}
	if _, err := os.Stat(o.database); err == nil {
		return nil, &codedError{"key-file", fmt.Sprintf("database %s exists, but not its key file %s", o.database, name)}
	}
	key := make([]byte, keySize)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	if err := writeNew(name, hex.EncodeToString(key)+"\n"); err != nil {
		return nil, fileError("write key file", err)
	}
	return key, nil
}

// writeNew writes a file that does not exist to the disk.
func writeNew(name, text string) (err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.WriteString(text); err != nil {
		return err
	}
	return f.Sync()
}
