#!/usr/bin/env bash
# install-tools.sh
#
# Puts what test/tools runs into .cache/tools: Kafka's own programs with Connect, MirrorMaker 2 and a program of Kafka Streams, and
# a schema registry that keeps its schemas in Kafka. Prints that path.
set -euo pipefail
cd "$(dirname "$0")/.."
. build/once.sh

kafka=4.3.1
registry=3.0.9 # runs on Java 17, which younger ones do not
dir=$PWD/.cache/tools
program=test/tools/java/WordCount.java

install_kafka() { # DIR
	need java javac mvn
	local artifact
	for artifact in kafka-tools connect-file connect-mirror kafka-streams; do
		quietly mvn --quiet --batch-mode -Dstyle.color=never -f build/kafka/pom.xml -Dkafka.version="$kafka" -Dkafka.artifact="$artifact" \
			dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$1/libs" ||
			fail "Maven cannot fetch $artifact $kafka; is its repository reachable?"
	done
	javac -Xlint:all,-path,-classfile -Werror --release 17 -d "$1/classes" -cp "$1/libs/*" "$program" ||
		fail "our program of Kafka Streams does not compile"
}

install_registry() { # DIR
	need java mvn tar
	quietly mvn --quiet --batch-mode -Dstyle.color=never dependency:copy -DoutputDirectory="$1" \
		-Dartifact="io.apicurio:apicurio-registry-app:$registry:tar.gz:all" ||
		fail "Maven cannot fetch Apicurio Registry $registry; is its repository reachable?"
	tar -xzf "$1"/*.tar.gz -C "$1"
	rm "$1"/*.tar.gz
	mv "$1"/*-runner.jar "$1/registry.jar"
}

once "$dir/kafka" "$kafka $(cksum <"$program")" install_kafka
once "$dir/registry" "$registry" install_registry
echo "$dir"
