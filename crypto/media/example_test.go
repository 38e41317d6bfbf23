// SPDX-License-Identifier: MPL-2.0

package media_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/confab-im/confab/crypto/media"
)

func Example() {
	enc, err := media.NewEncrypter(strings.NewReader("a picture"))
	if err != nil {
		fmt.Println(err)
		return
	}
	uploaded, err := io.ReadAll(enc)
	if err != nil {
		fmt.Println(err)
		return
	}
	body := media.Link{URL: "https://upload.example/1/a.jpg", Key: enc.Key()}.AESGCM()

	// On the other side:
	link, err := media.ParseLink(body)
	if err != nil {
		fmt.Println(err)
		return
	}
	plain, err := media.Open(context.Background(), bytes.NewReader(uploaded), int64(len(uploaded)), link.Key)
	if err != nil {
		fmt.Println(err)
		return
	}
	content, _ := io.ReadAll(plain)
	fmt.Println(len(uploaded), link.URL, string(content))
	// Output: 25 https://upload.example/1/a.jpg a picture
}
