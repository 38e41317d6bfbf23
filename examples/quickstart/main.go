// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/confab-im/confab/core"
)

func main() {
	o, err := parseFlags(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err == nil {
		err = run(ctx, o, os.Stdin, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, describe(err))
		os.Exit(1)
	}
}

// run opens the database and serves a person or a program, until either is
// done or ctx ends.
func run(ctx context.Context, o options, in io.Reader, out io.Writer) (err error) {
	cfg := core.Config{Path: o.database, AllowPlain: o.plain, Downloads: core.DownloadPolicy{AllowPrivate: o.private}}
	if cfg.RootCAs, err = o.roots(); err != nil {
		return err
	}
	if o.log != "" {
		f, err := os.OpenFile(o.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return fileError("open -log", err)
		}
		defer f.Close()
		cfg.Logger = slog.New(slog.NewJSONHandler(f, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	if cfg.Key, err = databaseKey(o); err != nil {
		return err
	}
	client, err := core.Open(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	if o.json {
		err = newDriver(client, o, in, out).run(ctx)
	} else {
		err = newTerminal(client, o, in, out).run(ctx)
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // as was asked for
	}
	return err
}
