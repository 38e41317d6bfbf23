#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
#
# Installs what the tests run, or with the argument "demo" only what the demo
# does, and is not there yet. On Debian and Ubuntu it needs root or sudo;
# elsewhere it prints what is needed and fails.
set -euo pipefail

packages=(
    make gcc libc6-dev ca-certificates
    prosody prosody-modules lua-dbi-sqlite3 lua-sec
)
[[ ${1-} == demo ]] || packages+=(
    ejabberd erlang-p1-sqlite3 sqlite3
    microsocks
    python3 python3-slixmpp python3-omemo python3-oldmemo python3-twomemo
    profanity tmux
)

if ! command -v "${GO:-go}" >/dev/null; then
    echo "setup: Go is missing; see https://go.dev/doc/install for the version in go.mod" >&2
    exit 1
fi

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    {
        echo "setup: this is neither Debian nor Ubuntu. These Debian packages are needed,"
        echo "at the places where Debian installs them:"
        echo "    ${packages[*]}"
        echo "A Debian 12 container does. 'make test-unit' needs only Go and a C compiler."
    } >&2
    exit 1
fi

missing=()
for package in "${packages[@]}"; do
    status=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || true)
    [[ $status == "install ok installed" ]] || missing+=("$package")
done
if ((${#missing[@]} == 0)); then
    exit 0
fi

as_root=()
if ((EUID != 0)); then
    if ! command -v sudo >/dev/null; then
        echo "setup: run as root: apt-get update && apt-get install --no-install-recommends ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
fi

# Debian starts servers when it installs them. The tests run their own, so a
# policy forbids it meanwhile, unless the machine has a policy already.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
    trap '"${as_root[@]}" rm -f "$policy"' EXIT
    "${as_root[@]}" sh -c "printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy"
fi

echo "setup: installing ${missing[*]}"
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300)
"${apt[@]}" update
"${apt[@]}" install --no-install-recommends "${missing[@]}"
