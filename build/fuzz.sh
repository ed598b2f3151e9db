#!/usr/bin/env bash
# fuzz.sh TIME: runs every fuzz test of the project for TIME, one after the other.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:?usage: fuzz.sh TIME}
grep -rlE --include='*_test.go' '^func Fuzz' filter | xargs -n1 dirname | sort -u | while read -r dir; do
  for name in $(grep -hoE '^func Fuzz\w+' "$dir"/*_test.go | sed 's/func //' | sort -u); do
    echo "== $dir $name for $time"
    go test -run '^$' -fuzz "^$name\$" -fuzztime "$time" -fuzzminimizetime 1x "./$dir"
  done
done
