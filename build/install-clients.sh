#!/usr/bin/env bash
# install-clients.sh
#
# Puts the Kafka clients of the end-to-end tests into .cache/clients: Java's with our producer compiled against it, and
# Python's confluent-kafka, which carries librdkafka.
set -euo pipefail
cd "$(dirname "$0")/.."
. build/once.sh

java_version=4.3.1
python_version=2.16.1
source=test/e2e/clients/java/Produce.java

install_java() {
	need java javac mvn
	mvn --quiet --batch-mode -Dstyle.color=never -f build/kafka/pom.xml -Dkafka.version="$java_version" -Dkafka.artifact=kafka-clients \
		dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$1/libs" ||
		fail "Maven cannot fetch kafka-clients $java_version; is its repository reachable?"
	javac -Xlint:all,-path -Werror --release 17 -d "$1/classes" -cp "$1/libs/*" "$source" || fail "$source does not compile"
}

install_python() {
	need python3
	python3 -m pip install --quiet --disable-pip-version-check --no-warn-script-location --root-user-action=ignore \
		--no-deps --target "$1" "confluent-kafka==$python_version" ||
		fail "pip cannot install confluent-kafka==$python_version; is its package index reachable?"
	PYTHONPATH=$1 python3 -c 'import confluent_kafka' || fail "confluent-kafka $python_version does not load"
}

# A changed source makes Java's a different version.
once "$PWD/.cache/clients/java-$java_version" "$java_version $(cksum <"$source")" install_java
once "$PWD/.cache/clients/python" "$python_version" install_python
