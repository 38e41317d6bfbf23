// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/confab-im/confab/internal/cutproxy"
	"github.com/confab-im/confab/internal/quickdrive"
	"github.com/confab-im/confab/internal/testserver"
)

const patience = 2 * time.Minute // for the whole demo, once everything is built

func main() {
	if status, done := explain(os.Args[1:], os.Stderr); done {
		os.Exit(status)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "\ndemo failed:", err)
		os.Exit(1)
	}
	fmt.Println("\nAll steps were as said.")
}

// explain answers -h and refuses arguments, of which there are none.
func explain(args []string, out io.Writer) (status int, done bool) {
	f := flag.NewFlagSet("demo", flag.ContinueOnError)
	f.SetOutput(out)
	f.Usage = func() {
		fmt.Fprintln(out, "demo takes no arguments. It shows the SDK's promises on a real server, on")
		fmt.Fprintln(out, "loopback and in a temporary folder; it needs Prosody. See make demo.")
	}
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0, true
	case err != nil:
		return 2, true
	case f.NArg() > 0:
		f.Usage()
		return 2, true
	}
	return 0, false
}

// demo is what the steps share.
type demo struct {
	dir        string
	server     *testserver.Server
	proxy      *cutproxy.Proxy // between Alice and the server
	alice, bob *quickdrive.Peer
}

func run(ctx context.Context) (err error) {
	d := &demo{}
	if d.dir, err = os.MkdirTemp("", "confab-demo-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(d.dir)) }()
	steps := []struct {
		title string
		do    func(context.Context) error
	}{
		{"Build examples/quickstart", d.build},
		{"Start Prosody on loopback with a certificate authority of its own", d.start},
		{"Register Alice and Bob in band, each a process with an encrypted database", d.register},
		{"Encrypted messages both ways", d.talk},
		{"Fingerprints and trust", d.fingerprints},
		{"Cut Alice's connection in the middle of sending", d.cut},
		{"Kill Bob with SIGKILL while messages arrive", d.kill},
		{"Try to read the database without its key", d.locked},
	}
	defer d.end()
	began := time.Now()
	for i, step := range steps {
		fmt.Printf("\n%d. %s\n", i+1, step.title)
		stepCtx, cancel := context.WithTimeout(ctx, patience)
		err := step.do(stepCtx)
		cancel()
		if err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
		if i == 0 {
			began = time.Now()
		}
	}
	fmt.Printf("\nTook %.1f s after building.\n", time.Since(began).Seconds())
	return nil
}

func (d *demo) end() {
	for _, p := range []*quickdrive.Peer{d.alice, d.bob} {
		if p != nil {
			p.Kill()
		}
	}
	if d.proxy != nil {
		d.proxy.Close()
	}
	if d.server != nil {
		d.server.Close()
	}
}

func (d *demo) build(ctx context.Context) error {
	program, err := quickdrive.Build(ctx, d.dir)
	if err != nil {
		return err
	}
	d.alice = &quickdrive.Peer{Program: program, Password: rand.Text()}
	d.bob = &quickdrive.Peer{Program: program, Password: rand.Text()}
	return nil
}

func (d *demo) start(ctx context.Context) (err error) {
	if d.server, err = testserver.Run(ctx, testserver.Prosody, filepath.Join(d.dir, "server")); err != nil {
		return err
	}
	if d.proxy, err = cutproxy.New(d.server.Addr); err != nil {
		return err
	}
	say("%s at %s, TLS only", d.server.Domain, d.server.Addr)
	return nil
}

func (d *demo) register(ctx context.Context) error {
	d.alice.JID, d.alice.Host = "alice@"+d.server.Domain, d.proxy.Addr()
	d.bob.JID, d.bob.Host = "bob@"+d.server.Domain, d.server.Addr
	for _, p := range []*quickdrive.Peer{d.alice, d.bob} {
		p.CAFile = d.server.CAFile
		p.Dir = filepath.Join(d.dir, p.JID)
		if err := os.Mkdir(p.Dir, 0o700); err != nil {
			return err
		}
		if err := p.Start(ctx); err != nil {
			return err
		}
		if _, err := p.Do(ctx, quickdrive.Command{Cmd: "register"}); err != nil {
			return err
		}
		if _, err := p.Online(ctx, 0); err != nil {
			return err
		}
		say("%s is registered and online", p.JID)
	}
	return d.befriend(ctx)
}

// befriend makes Alice and Bob contacts: she asks, he accepts.
func (d *demo) befriend(ctx context.Context) error {
	if _, err := d.alice.Do(ctx, quickdrive.Command{Cmd: "add", Peer: d.bob.JID}); err != nil {
		return err
	}
	_, err := d.bob.Await(ctx, func(l quickdrive.Line) bool { return l.Event == "contact-request" && l.Peer == d.alice.JID })
	if err != nil {
		return err
	}
	for _, cmd := range []string{"accept", "add"} {
		if _, err := d.bob.Do(ctx, quickdrive.Command{Cmd: cmd, Peer: d.alice.JID}); err != nil {
			return err
		}
	}
	say("they are each other's contacts")
	return nil
}

func say(format string, args ...any) { fmt.Printf("   "+format+"\n", args...) }
