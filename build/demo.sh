#!/usr/bin/env bash
# demo.sh
#
# What `make demo` does: compiles the module and the demo, fetches Envoy meanwhile (and Apache Kafka, with DEMO_KAFKA=real), and runs
# the demo. What takes longer than two seconds is said.
set -euo pipefail
cd "$(dirname "$0")/.."
. build/once.sh
need make go cc python3

envoy=$1 kafka=$2

# say TEXT COMMAND... runs a command, and prints TEXT if that takes longer than two seconds.
say() {
	local text=$1 ending command status=0
	exec {ending}< <("${@:2}" >&2) # nothing comes out of it but the end
	command=$!
	read -r -t 2 -u "$ending" || [ $? -le 128 ] || echo "$text" >&2
	wait "$command" || status=$?
	exec {ending}<&-
	return "$status"
}

compile() {
	make --no-print-directory --silent build/out/libkafkamesh.so build/out/demo 2>&1 | sed -u '/^go: downloading /d'
}

build/install-envoy.sh "$envoy" >/dev/null & # says itself what it does
fetching=($!)
if [ "${DEMO_KAFKA:-}" = real ]; then
	build/install-kafka.sh "$kafka" >/dev/null &
	fetching+=($!)
fi
status=0
say 'compiling the module and the demo: a minute or two, the first time' compile || status=1
for job in "${fetching[@]}"; do wait "$job" || status=1; done
[ "$status" = 0 ] || exit 1
exec build/out/demo
