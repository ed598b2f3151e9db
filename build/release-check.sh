#!/usr/bin/env bash
# release-check.sh: builds the release of the last commit twice, each time from nothing and in another place, and compares.
set -euo pipefail
cd "$(dirname "$0")/.."
. build/once.sh
build/install-zig.sh >/dev/null

work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
for place in one two/three; do
	git clone --quiet --no-local . "$work/$place/clone"
	ln -s "$PWD/.cache" "$work/$place/clone/.cache"
	GOCACHE=$work/$place/cache "$work/$place/clone/build/release.sh" "$work/$place/release"
done
cmp "$work/one/release/SHA256SUMS" "$work/two/three/release/SHA256SUMS" || fail "the two builds differ"
echo "the same bytes twice"
