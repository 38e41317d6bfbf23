// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"sync"

	"github.com/confab-im/confab/core"
)

// driver serves another program, as doc.go describes.
type driver struct {
	client  *core.Client
	options options
	in      io.Reader
	names   *names

	mu  sync.Mutex // of out, which two goroutines write lines to
	out *json.Encoder

	account string // what is meant without an "account"; owned by run
}

func newDriver(client *core.Client, o options, in io.Reader, out io.Writer) *driver {
	d := &driver{client: client, options: o, in: in, names: newNames(client), out: json.NewEncoder(out), account: o.account}
	d.out.SetEscapeHTML(false)
	return d
}

func (d *driver) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	events := d.client.Subscribe(core.Filter{Queue: 1 << 16})
	var wg sync.WaitGroup
	defer wg.Wait()
	defer events.Close()
	defer cancel()
	wg.Go(func() { d.forward(ctx, events) })

	ready := line{Event: "ready"}
	if a, err := findAccount(d.client, d.account); err == nil && a != nil {
		ready.Account = a.JID()
	}
	d.write(ready)
	lines := readLines(ctx, d.in)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case l, ok := <-lines:
			if !ok {
				return nil
			}
			reply, err := d.serve(ctx, l)
			d.write(reply)
			if errors.Is(err, errQuit) {
				return nil
			}
		}
	}
}

// serve does what a line asks for. The error is in the reply already.
func (d *driver) serve(ctx context.Context, l inputLine) (reply line, err error) {
	var c command
	if err = l.err; err == nil {
		if e := json.Unmarshal(l.text, &c); e != nil {
			err = &codedError{"bad-json", "not a command in JSON: " + e.Error()}
		}
	}
	if err == nil {
		do, known := commands[c.Cmd]
		if !known {
			do = func(context.Context, *driver, command) (line, error) { return line{}, errUnknownCommand }
		}
		reply, err = do(ctx, d, c)
	}
	reply.Event, reply.ID = "reply", c.ID
	if reply.Account == "" {
		reply.Account = c.Account
	}
	if reply.OK = err == nil || errors.Is(err, errQuit); !reply.OK {
		reply.Error, reply.Code = oneLine(err.Error()), core.ErrorCode(err)
	}
	return reply, err
}

// which returns the account that a command is for.
func (d *driver) which(c command) (*core.Account, error) {
	address := c.Account
	if address == "" {
		address = d.account
	}
	a, err := findAccount(d.client, address)
	if err == nil && a == nil {
		err = errNoAccount
	}
	return a, err
}

func (d *driver) write(l line) {
	d.mu.Lock()
	defer d.mu.Unlock()
	_ = d.out.Encode(l) // nobody is there to be told if the pipe is gone
}
