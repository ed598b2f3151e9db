#!/usr/bin/env bash
# install-zig.sh
#
# Puts Zig into .cache/zig and prints the path of its binary. Releases are compiled with it: it is a C compiler for every
# processor, and for the glibc that one asks for. It comes from the PyPI package ziglang.
set -euo pipefail
cd "$(dirname "$0")/.."
. build/once.sh

version=0.15.2
dir=$PWD/.cache/zig/$version

install() {
	need python3
	python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --target "$1" \
		"ziglang==$version" || fail "pip cannot install ziglang==$version; is its package index reachable?"
	"$1/ziglang/zig" version >/dev/null || fail "Zig does not run here"
}

once "$dir" "$version" install
echo "$dir/ziglang/zig"
