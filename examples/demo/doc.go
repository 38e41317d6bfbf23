// SPDX-License-Identifier: MPL-2.0

// Command demo shows the SDK's promises on a real server: it starts Prosody on
// loopback, registers Alice and Bob, runs each as a process of its own with an
// encrypted database (examples/quickstart), and lets them talk with OMEMO
// while it cuts a connection and kills a process. It ends with an exit status
// other than 0 if any step is not as it says.
//
//	make demo
package main
