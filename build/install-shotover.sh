#!/usr/bin/env bash
# install-shotover.sh VERSION
#
# Compiles the proxy Shotover, only its Kafka part, into .cache/shotover/VERSION/shotlaunch and prints that path, in some
# minutes. VERSION is the one that build/shotover is locked to.
set -euo pipefail
cd "$(dirname "$0")/.."
. build/once.sh

release=${1:?usage: install-shotover.sh VERSION} # not "version": once has one, and a function sees its caller's
dir=$PWD/.cache/shotover/$release
source=build/shotover

install() {
	need cargo cc
	cargo build --quiet --release --locked --manifest-path "$source/Cargo.toml" --target-dir "$1/target" >&2 ||
		fail "Shotover $release does not compile; is the crate registry reachable?"
	mv "$1/target/release/shotlaunch" "$1"
	rm -r "$1/target"
	"$1/shotlaunch" --version >/dev/null || fail "Shotover does not run here"
}

grep -q "^shotover = { version = \"=$release\"" "$source/Cargo.toml" || fail "$source/Cargo.toml has another version than $release"
# A changed source makes a different version.
once "$dir" "$release $(cat "$source/Cargo.toml" "$source/Cargo.lock" "$source/src/main.rs" | cksum)" install
echo "$dir/shotlaunch"
