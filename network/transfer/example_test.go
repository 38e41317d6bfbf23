// SPDX-License-Identifier: MPL-2.0

package transfer_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/confab-im/confab/network/transfer"
)

func Example() {
	var stored []byte
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			stored, _ = io.ReadAll(r.Body)
		}
		_, _ = w.Write(stored)
	}))
	defer server.Close()

	client, err := transfer.New(transfer.Config{Transport: server.Client().Transport})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	err = client.Put(context.Background(), transfer.Upload{URL: server.URL + "/a.txt", Body: strings.NewReader("hello"), Size: 5})
	if err != nil {
		fmt.Println(err)
		return
	}
	var b bytes.Buffer
	result, err := client.Get(context.Background(), transfer.Download{URL: server.URL + "/a.txt", Limit: 1 << 20}, &b)
	fmt.Println(result.Size, result.Sniffed, b.String(), err)
	// Output: 5 text/plain hello <nil>
}
