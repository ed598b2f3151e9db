#!/usr/bin/env bash
# compile-envoyhost.sh
#
# Compiles the program that plays Envoy for our two plugins, with AddressSanitizer, into .cache/envoyhost and prints its
# path.
set -euo pipefail
cd "$(dirname "$0")/.."
. build/once.sh

sources=(test/envoyhost/host/*.cc)
dir=$PWD/.cache/envoyhost

compile() {
	need g++
	g++ -std=c++20 -O1 -g -Wall -Wextra -Werror -fsanitize=address -rdynamic -pthread -o "$1/envoyhost" -Ifilter/host/dynamic/abi "${sources[@]}" -ldl ||
		fail "g++ cannot compile ${sources[*]}"
}

once "$dir" "$(cat test/envoyhost/host/* filter/host/dynamic/abi/envoy_abi.h | cksum)" compile
echo "$dir/envoyhost"
