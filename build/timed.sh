#!/usr/bin/env bash
# timed.sh TEXT COMMAND...
#
# Runs a command between a line that says what is being done, and one that says how long it took.
set -uo pipefail
text=$1
echo "== $text"
"${@:2}"
status=$?
took="$((SECONDS / 60)) min $((SECONDS % 60)) s"
if [ "$status" = 0 ]; then echo "== $took: $text"; else echo "== failed after $took: $text" >&2; fi
exit "$status"
