#!/usr/bin/env bash
# compile-envoyhost.sh
#
# Compiles the program that plays Envoy for our contrib plugin, with AddressSanitizer, into .cache/envoyhost and prints its
# path.
set -euo pipefail
cd "$(dirname "$0")/.."
. build/once.sh

source=test/envoyhost/host/host.cc
dir=$PWD/.cache/envoyhost

compile() {
	need g++
	g++ -std=c++20 -O1 -g -Wall -Wextra -Werror -fsanitize=address -rdynamic -pthread -o "$1/envoyhost" "$source" -ldl ||
		fail "g++ cannot compile $source"
}

once "$dir" "$(cksum <"$source")" compile
echo "$dir/envoyhost"
