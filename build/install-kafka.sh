#!/usr/bin/env bash
# install-kafka.sh VERSION
#
# Puts the jars of an Apache Kafka broker into .cache/kafka/VERSION/libs and prints that path.
set -euo pipefail
cd "$(dirname "$0")/.."
. build/once.sh

version=${1:?usage: install-kafka.sh VERSION}
dir=$PWD/.cache/kafka/$version

install() {
	need java mvn
	quietly mvn --quiet --batch-mode -Dstyle.color=never -f build/kafka/pom.xml -Dkafka.version="$version" \
		dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$1/libs" ||
		fail "Maven cannot fetch Apache Kafka $version; is its repository reachable?"
	[ -f "$1/libs/kafka_2.13-$version.jar" ] || fail "Maven left no kafka_2.13-$version.jar"
}

once "$dir" "$version" install
echo "$dir/libs"
