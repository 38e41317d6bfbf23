// SPDX-License-Identifier: MPL-2.0

// Package dial opens connections to XMPP servers.
package dial
