#!/usr/bin/env bash
# zig-cc.sh TARGET ARGUMENT...: Zig as a C compiler for TARGET, such as aarch64-linux-gnu.2.17.
#
# Envoy brings the symbols that a module leaves open. GNU's linker has to be told so, while Zig's has no such option and
# allows it in a shared library anyway.
set -euo pipefail
arguments=()
for argument in "${@:2}"; do
	case $argument in
	-Wl,--unresolved-symbols=ignore-all | -Wl,-unresolved-symbols=ignore-all) arguments+=(-Wl,-z,undefs) ;;
	*) arguments+=("$argument") ;;
	esac
done
exec "$(dirname "$0")/../.cache/zig/0.15.2/ziglang/zig" cc -target "$1" "${arguments[@]}"
