#!/usr/bin/env bash
# install-kroxylicious.sh VERSION
#
# Puts the jars of the proxy Kroxylicious and our launcher for it into lib and classes of .cache/kroxylicious/VERSION, and
# prints that path.
set -euo pipefail
cd "$(dirname "$0")/.."
. build/once.sh

release=${1:?usage: install-kroxylicious.sh VERSION} # not "version": once has one, and a function sees its caller's
dir=$PWD/.cache/kroxylicious/$release
pom=build/kroxylicious/pom.xml
launcher=build/kroxylicious/Launch.java

install() {
	need java javac mvn
	quietly mvn --quiet --batch-mode -Dstyle.color=never -f "$pom" -Dkroxylicious.version="$release" \
		dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$1/lib" ||
		fail "Maven cannot fetch Kroxylicious $release; is its repository reachable?"
	[ -f "$1/lib/kroxylicious-runtime-$release.jar" ] || fail "Maven left no kroxylicious-runtime-$release.jar"
	javac -Xlint:all,-path,-classfile -Werror --release 17 -d "$1/classes" -cp "$1/lib/*" "$launcher" ||
		fail "our launcher does not compile against Kroxylicious $release"
}

once "$dir" "$release $(cat "$pom" "$launcher" | cksum)" install # a changed source makes a different version
echo "$dir"
