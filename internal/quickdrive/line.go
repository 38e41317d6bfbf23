// SPDX-License-Identifier: MPL-2.0

package quickdrive

// Command is a line to a process; quickstart's doc.go describes them.
type Command struct {
	Cmd         string   `json:"cmd"`
	ID          string   `json:"id,omitempty"`
	Account     string   `json:"account,omitempty"`
	JID         string   `json:"jid,omitempty"`
	Password    string   `json:"password,omitempty"`
	Peer        string   `json:"peer,omitempty"`
	Who         string   `json:"who,omitempty"`
	Body        string   `json:"body,omitempty"`
	Fingerprint string   `json:"fingerprint,omitempty"`
	State       string   `json:"state,omitempty"`
	URI         string   `json:"uri,omitempty"`
	Message     int64    `json:"message,omitempty"`
	Attachment  int64    `json:"attachment,omitempty"`
	Path        string   `json:"path,omitempty"`
	Emojis      []string `json:"emojis,omitempty"`
	Name        string   `json:"name,omitempty"`
	Nick        string   `json:"nick,omitempty"`
	Members     []string `json:"members,omitempty"`
	Limit       int      `json:"limit,omitempty"`
	Before      int64    `json:"before,omitempty"`
}

// Line is a line from a process.
type Line struct {
	Event      string    `json:"event"`
	ID         string    `json:"id"`
	OK         bool      `json:"ok"`
	Error      string    `json:"error"`
	Code       string    `json:"code"`
	Account    string    `json:"account"`
	Peer       string    `json:"peer"`
	State      string    `json:"state"`
	Resumed    bool      `json:"resumed"`
	Message    *Message  `json:"message"`
	Messages   []Message `json:"messages"`
	Attachment int64     `json:"attachment"`
	Files      []File    `json:"files"`
	Room       *Room     `json:"room"`
	URI        string    `json:"uri"`
	Keys       []Key     `json:"keys"`
	Own        *Device   `json:"own"`
	Devices    []Device  `json:"devices"`
}

// Message is a message in a Line.
type Message struct {
	ID          int64      `json:"id"`
	Account     string     `json:"account"`
	Peer        string     `json:"peer"`
	Sender      string     `json:"sender"`
	Outgoing    bool       `json:"outgoing"`
	Kind        string     `json:"kind"`
	Body        string     `json:"body"`
	State       string     `json:"state"`
	Encryption  string     `json:"encryption"`
	Trust       string     `json:"trust"`
	Fingerprint string     `json:"fingerprint"`
	Reason      string     `json:"reason"`
	Cursor      int64      `json:"cursor"`
	Files       int        `json:"files"`
	Reactions   []Reaction `json:"reactions"`
}

// Reaction is an emoji under a Message.
type Reaction struct {
	Emoji string   `json:"emoji"`
	By    []string `json:"by"`
}

// File is a file in a Line.
type File struct {
	ID        int64  `json:"id"`
	Message   int64  `json:"message"`
	State     string `json:"state"`
	Reason    string `json:"reason"`
	Size      int64  `json:"size"`
	Encrypted bool   `json:"encrypted"`
}

// Room is a room in a Line.
type Room struct {
	Peer        string `json:"peer"`
	Name        string `json:"name"`
	Joined      bool   `json:"joined"`
	Encryptable bool   `json:"encryptable"`
}

// Key is what came of a key in a verification address.
type Key struct {
	ID      uint32 `json:"id"`
	Outcome string `json:"outcome"`
}

// Device is a device in a Line.
type Device struct {
	ID          uint32 `json:"id"`
	Fingerprint string `json:"fingerprint"`
	Trust       string `json:"trust"`
	Active      bool   `json:"active"`
}
