// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"

	"github.com/confab-im/confab/core"
)

// peopleCommands are about strangers and who is kept away.
var peopleCommands = map[string]handler{
	"requests":             withAccount(listRequests),
	"deny":                 withAccount(denyRequest),
	"accept-conversation":  withConversation(acceptConversation),
	"decline-conversation": withConversation(declineConversation),
	"block":                withAccount(block),
	"unblock":              withAccount(unblock),
	"blocked":              withAccount(listBlocked),
}

func listRequests(ctx context.Context, a *core.Account, _ command) (line, error) {
	list, err := a.Requests(ctx)
	return line{Peers: list}, err
}

func denyRequest(ctx context.Context, a *core.Account, c command) (line, error) {
	return line{}, a.DenyRequest(ctx, c.Peer)
}

func acceptConversation(ctx context.Context, _ *driver, cv *core.Conversation, _ command) (line, error) {
	return line{}, cv.Accept(ctx)
}

func declineConversation(ctx context.Context, _ *driver, cv *core.Conversation, _ command) (line, error) {
	return line{}, cv.Decline(ctx)
}

// block reports only if a reason is given.
func block(ctx context.Context, a *core.Account, c command) (line, error) {
	var report *core.AbuseReport
	for _, reason := range []core.ReportReason{core.ReportSpam, core.ReportAbuse} {
		if c.Reason == reason.String() {
			report = &core.AbuseReport{Reason: reason, Text: c.Body, Messages: c.Messages}
		}
	}
	if report == nil && c.Reason != "" {
		return line{}, errUnknownState
	}
	return line{}, a.Block(ctx, c.Peer, report)
}

func unblock(ctx context.Context, a *core.Account, c command) (line, error) {
	return line{}, a.Unblock(ctx, c.Peer)
}

func listBlocked(ctx context.Context, a *core.Account, _ command) (line, error) {
	list, err := a.Blocked(ctx)
	return line{Peers: list}, err
}
