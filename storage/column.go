// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// How values of the rows are kept in columns, none of which is ever NULL.

// micros is a time in a column: microseconds in UTC, 0 for the zero time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// timeColumn scans what micros wrote.
type timeColumn struct{ t *time.Time }

func (c timeColumn) Scan(v any) error {
	n, ok := v.(int64)
	if !ok {
		return fmt.Errorf("scan time: %T", v)
	}
	*c.t = time.Time{}
	if n != 0 {
		*c.t = time.UnixMicro(n).UTC()
	}
	return nil
}

// blob is a byte string in a column; nil and empty are the same.
func blob[B ~[]byte](b B) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// blobColumn scans what blob wrote; empty becomes nil.
type blobColumn struct{ b *[]byte }

func (c blobColumn) Scan(v any) error {
	switch v := v.(type) {
	case []byte:
		*c.b = nil
		if len(v) > 0 {
			*c.b = append([]byte(nil), v...)
		}
		return nil
	case string: // a caller's text column; SQLite is not strict about types
		*c.b = []byte(v)
		return nil
	}
	return fmt.Errorf("scan bytes: %T", v)
}

// durationColumn scans microseconds.
type durationColumn struct{ d *time.Duration }

func (c durationColumn) Scan(v any) error {
	n, ok := v.(int64)
	if !ok {
		return fmt.Errorf("scan duration: %T", v)
	}
	*c.d = time.Duration(n) * time.Microsecond
	return nil
}

// stringsColumn scans a JSON array of strings.
type stringsColumn struct{ list *[]string }

func (c stringsColumn) Scan(v any) error {
	s, ok := v.(string)
	if !ok {
		return fmt.Errorf("scan strings: %T", v)
	}
	*c.list = nil
	return json.Unmarshal([]byte(s), c.list)
}

// stringsArg is a list of strings for a column.
func stringsArg(list []string) (string, error) {
	if list == nil {
		list = []string{}
	}
	b, err := json.Marshal(list)
	return string(b), err
}

// countArg refuses a count that a signed column cannot hold.
func countArg(n uint64) (int64, error) {
	if n > math.MaxInt64 {
		return 0, fmt.Errorf("%w: count out of range", ErrInvalid)
	}
	return int64(n), nil
}

// rowLimit turns a limit of the API into one of SQL: none if it is not positive.
func rowLimit(n int) int64 {
	if n <= 0 {
		return -1
	}
	return int64(n)
}
