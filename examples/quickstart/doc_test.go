// SPDX-License-Identifier: MPL-2.0

package main

import (
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/confab-im/confab/core"
	"github.com/stretchr/testify/require"
)

// doc.go has an example of every command and every event, names every field,
// and its examples are what the program reads and prints.
func TestProtocolIsDocumented(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	doc := string(text)
	commandsSeen, events := make(map[string]bool), make(map[string]bool)
	for _, m := range regexp.MustCompile(`(?m)^//\t(\{.*\})$`).FindAllStringSubmatch(doc, -1) {
		example := strings.ReplaceAll(m[1], "{…}", "{}")
		decode := json.NewDecoder(strings.NewReader(example))
		decode.DisallowUnknownFields()
		switch {
		case strings.HasPrefix(example, `{"cmd"`):
			var c command
			require.NoError(t, decode.Decode(&c), example)
			require.Contains(t, commands, c.Cmd)
			commandsSeen[c.Cmd] = true
		case strings.HasPrefix(example, `{"event"`):
			var l line
			require.NoError(t, decode.Decode(&l), example)
			events[l.Event] = true
		default:
			require.NoError(t, decode.Decode(&jsonMessage{}), example)
		}
	}
	for name := range commands {
		require.Contains(t, commandsSeen, name, "commands without an example")
	}
	kinds := 0
	for k := core.EventGap; k.String() != "unknown"; k++ {
		require.Contains(t, events, k.String(), "events without an example")
		kinds++
	}
	require.Greater(t, kinds, 10)
	require.Len(t, events, kinds+2, "ready and reply are no events of the SDK")
	for _, v := range []any{
		command{}, line{}, jsonMessage{}, jsonReply{}, jsonRetraction{}, jsonReaction{}, jsonNotice{}, jsonEdit{}, jsonReader{}, jsonFile{},
		jsonConversation{}, jsonAccount{}, jsonDevice{}, jsonKey{}, jsonRoom{}, jsonMember{}, jsonInvitation{}, jsonProfile{}, jsonLink{}, jsonPush{}, jsonServer{}, jsonFeature{},
	} {
		for i := range reflect.TypeOf(v).NumField() {
			field, _, _ := strings.Cut(reflect.TypeOf(v).Field(i).Tag.Get("json"), ",")
			require.Contains(t, doc, `"`+field+`"`, "%T", v)
		}
	}
}

// No two parts of the protocol have a command of the same name.
func TestCommandsAreDistinct(t *testing.T) {
	n := 0
	for _, part := range commandParts {
		n += len(part)
	}
	require.Len(t, commands, n)
}

// Every command that a person types has one line of help.
func TestHelp(t *testing.T) {
	help := helpText()
	for _, c := range slashes {
		require.NotNil(t, c.do)
		require.Equal(t, 1, strings.Count(help, c.name+" "), c.name)
	}
	require.Contains(t, help, "/quit")
}
