#!/usr/bin/env bash
# install-shotover.sh VERSION
#
# Compiles the proxy Shotover, only its Kafka part, into .cache/shotover/VERSION/shotlaunch and prints that path. Half an
# hour on two cores. build/shotover says which VERSION there is.
set -euo pipefail
cd "$(dirname "$0")/.."
. build/once.sh

version=${1:?usage: install-shotover.sh VERSION}
dir=$PWD/.cache/shotover/$version
source=build/shotover

install() {
	need cargo cc
	cargo build --quiet --release --locked --manifest-path "$source/Cargo.toml" --target-dir "$1/target" >&2 ||
		fail "Shotover $version does not compile; is the crate registry reachable?"
	mv "$1/target/release/shotlaunch" "$1"
	rm -r "$1/target"
	"$1/shotlaunch" --version >/dev/null || fail "Shotover does not run here"
}

grep -q "^shotover = { version = \"=$version\"" "$source/Cargo.toml" || fail "$source/Cargo.toml has another version than $version"
# A changed source makes a different version.
once "$dir" "$version $(cat "$source/Cargo.toml" "$source/Cargo.lock" "$source/src/main.rs" | cksum)" install
echo "$dir/shotlaunch"
