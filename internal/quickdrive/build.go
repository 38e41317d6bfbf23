// SPDX-License-Identifier: MPL-2.0

package quickdrive

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
)

// Build compiles quickstart into dir and returns the program's path. Flags go
// to `go build`, such as "-race" or "-tags=killpoint".
func Build(ctx context.Context, dir string, flags ...string) (string, error) {
	path := filepath.Join(dir, "quickstart")
	args := append([]string{"build", "-o", path}, flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, "github.com/confab-im/confab/examples/quickstart")...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("build quickstart: %w\n%s", err, out.Bytes())
	}
	return path, nil
}
