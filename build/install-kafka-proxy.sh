#!/usr/bin/env bash
# install-kafka-proxy.sh VERSION
#
# Compiles grepplabs' kafka-proxy into .cache/kafka-proxy/VERSION/kafka-proxy and prints that path. It is compiled from what its
# repository has of its own and others' code, and so needs no module proxy. KAFKA_PROXY_REPOSITORY is where else git finds it.
set -euo pipefail
cd "$(dirname "$0")/.."
. build/once.sh

release=${1:?usage: install-kafka-proxy.sh VERSION} # not "version": once has one, and a function sees its caller's
dir=$PWD/.cache/kafka-proxy/$release
repository=${KAFKA_PROXY_REPOSITORY:-https://github.com/grepplabs/kafka-proxy}

# commit_of VERSION prints the commit that a version is of: a tag may be moved.
commit_of() {
	case $1 in
	0.4.3) echo 317f1d7aca20d80a341a11235d615b185857d9d6 ;;
	*) fail "no commit is known for kafka-proxy $1" ;;
	esac
}

install() {
	need git go
	quietly git clone --quiet --depth 1 --branch "v$release" "$repository" "$1/source" ||
		fail "git cannot fetch kafka-proxy $release; is $repository reachable?"
	[ "$(git -C "$1/source" rev-parse HEAD)" = "$commit" ] || fail "v$release of $repository is not $commit"
	CGO_ENABLED=0 quietly go build -C "$1/source" -mod=vendor -trimpath -ldflags '-s -w' -o "$1/kafka-proxy" . ||
		fail "kafka-proxy $release does not compile"
	rm -rf "$1/source"
}

commit=$(commit_of "$release")
once "$dir" "$release $commit" install
echo "$dir/kafka-proxy"
