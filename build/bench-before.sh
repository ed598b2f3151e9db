#!/usr/bin/env bash
# bench-before.sh COMMIT
#
# Builds the module and the plain binary of a commit, as its own Makefile does, into build/out/before, for bench -before. What serves
# Go's profiles goes into profile in it, and which commit it is into the file commit.
set -euo pipefail
cd "$(dirname "$0")/.."

: "${1:?usage: bench-before.sh COMMIT (make bench-before COMMIT=...)}"
name=$(git log -1 --format='commit %h' "$1" --)
dir=$PWD/build/out/before
source=$(mktemp -d)
trap 'rm -rf "$source"' EXIT

git archive "$1" | tar -x -C "$source"
export GOFLAGS="${GOFLAGS:-} -buildvcs=false"
make -C "$source" --no-print-directory build/out/libkafkamesh.so build/out/kafkamesh
make -C "$source" --no-print-directory bench-profile || echo "${0##*/}: nothing in $name serves Go's profiles" >&2
printf '%s\n' "$name" >"$source/build/out/commit"

rm -rf "$dir"
mkdir -p "$(dirname "$dir")"
mv "$source/build/out" "$dir"
echo "$dir"
