#!/bin/sh
# Runs the pinned buf in proto/: build/buf.sh lint, build/buf.sh generate.
# Installs it first, into .cache/buf/<version>, when it is missing. Needs npm; generate needs go too.
set -eu

version=1.75.0

root=$(cd "$(dirname "$0")/.." && pwd)
home=$root/.cache/buf/$version
buf=$home/node_modules/.bin/buf

if [ ! -x "$buf" ]; then
	command -v npm >/dev/null || {
		echo "build/buf.sh: npm is missing; it installs buf $version (apt-get install npm)" >&2
		exit 1
	}
	mkdir -p "$home"
	npm install --prefix "$home" --no-audit --no-fund --loglevel=error "@bufbuild/buf@$version" >&2
fi

cd "$root/proto"
exec "$buf" "$@"
