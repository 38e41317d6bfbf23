#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
#
# Runs every fuzz target for FUZZTIME, one after the other.
set -euo pipefail
cd "$(dirname "$0")/.."

go=${GO:-go}
time=${FUZZTIME:-10s}
count=0

for package in $("$go" list ./...); do
    for target in $("$go" test -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
        echo "fuzz: $package $target for $time"
        "$go" test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$package"
        count=$((count + 1))
    done
done
if ((count == 0)); then
    echo "fuzz: no targets found" >&2
    exit 1
fi
echo "fuzz: $count targets passed"
