// SPDX-License-Identifier: MPL-2.0

package freeport

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// The range lies below the kernels' ranges for outgoing connections (Linux
// 32768 and up, the IANA range 49152 and up) and above the well-known services.
const (
	low  = 12000
	high = 32000
)

// Pick returns n different ports that are free on 127.0.0.1 right now.
func Pick(n int) ([]int, error) {
	ports := make([]int, 0, n)
	listeners := make([]net.Listener, 0, n)
	defer func() {
		for _, l := range listeners {
			_ = l.Close()
		}
	}()
	for tries := 0; len(ports) < n; tries++ {
		if tries > 50*n {
			return nil, fmt.Errorf("pick ports: no %d free ports between %d and %d", n, low, high)
		}
		port := low + rand.IntN(high-low)
		l, err := net.Listen("tcp", Address(port))
		if err != nil {
			continue
		}
		listeners = append(listeners, l)
		ports = append(ports, port)
	}
	return ports, nil
}

// Address returns the loopback address of a port, as host:port.
func Address(port int) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}
