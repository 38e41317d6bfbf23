#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
#
# Runs every check and fails when one of them did.
set -euo pipefail
cd "$(dirname "$0")/.."

go=${GO:-go}
staticcheck=honnef.co/go/tools/cmd/staticcheck@v0.8.2
govulncheck=golang.org/x/vuln/cmd/govulncheck@v1.1.4
failed=0

# check NAME COMMAND... runs a command and reports how it went.
check() {
    local name=$1
    shift
    if "$@"; then
        echo "lint: $name: ok"
    else
        echo "lint: $name: FAILED"
        failed=1
    fi
}

formatted() {
    local unformatted
    unformatted=$(gofmt -l .)
    [[ -z $unformatted ]] || { echo "not formatted:" $unformatted; return 1; }
}

# vulnerabilities needs the database at vuln.go.dev: without it nothing can be
# said, and that is said.
vulnerabilities() {
    local bin=$PWD/build/bin output status=0
    mkdir -p "$bin"
    if ! output=$(GOBIN=$bin "$go" install "$govulncheck" 2>&1); then
        echo "lint: vulnerabilities: NOT CHECKED, govulncheck cannot be built: ${output%%$'\n'*}"
        return 0
    fi
    output=$("$bin/govulncheck" -tags servers ./... 2>&1) || status=$?
    case $status in
        0) echo "lint: vulnerabilities: ok" ;;
        3) echo "$output"; echo "lint: vulnerabilities: FAILED"; failed=1 ;;
        *) echo "lint: vulnerabilities: NOT CHECKED, govulncheck cannot run: ${output%%$'\n'*}" ;;
    esac
}

check gofmt formatted
check vet "$go" vet ./...
check "vet with servers" "$go" vet -tags servers ./...
check staticcheck "$go" run "$staticcheck" -tags servers ./...
check "go.mod" "$go" mod tidy -diff
vulnerabilities
exit "$failed"
