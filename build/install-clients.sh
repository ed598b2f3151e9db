#!/usr/bin/env bash
# install-clients.sh [NAME...]
#
# Puts Kafka clients into .cache/clients/NAME, with our producers compiled where they have to be. Without names, all of
# them; kcat only where there is apt-get, for it comes from Debian's packages, and kafkajs only where there is npm.
set -euo pipefail
cd "$(dirname "$0")/.."
. build/once.sh

cache=$PWD/.cache/clients
all=(java-4.3.1 python java-3.9.2 java-2.8.2 java-2.1.1 java-0.11.0.3 kafka-python-3.0.12 kafka-python-2.0.2
	aiokafka-0.14.0 go)
if command -v apt-get >/dev/null; then all+=(kcat-1.7.1); fi
if command -v npm >/dev/null; then all+=(kafkajs-2.2.4); fi

# The producers of both test suites are compiled against 4.3.1, that of the matrix against all.
java_sources() {
	if [ "$1" = 4.3.1 ]; then echo test/e2e/clients/java/Produce.java; fi
	echo test/matrix/clients/java/Client.java
}

install_java() { # VERSION DIR
	need java javac mvn
	local sources
	sources=$(java_sources "$1")
	mvn --quiet --batch-mode -Dstyle.color=never -f build/kafka/pom.xml -Dkafka.version="$1" -Dkafka.artifact=kafka-clients \
		dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$2/libs" ||
		fail "Maven cannot fetch kafka-clients $1; is its repository reachable?"
	# shellcheck disable=SC2086 # a list
	javac -Xlint:all,-path,-classfile -Werror --release 17 -d "$2/classes" -cp "$2/libs/*" $sources ||
		fail "our Java producer does not compile against kafka-clients $1"
}

install_pip() { # DIR MODULE REQUIREMENT...
	need python3
	local dir=$1 module=$2
	shift 2
	python3 -m pip install --quiet --disable-pip-version-check --no-warn-script-location --root-user-action=ignore \
		--no-deps --target "$dir" "$@" || fail "pip cannot install $*; is its package index reachable?"
	PYTHONPATH=$dir python3 -c "import $module" || fail "$* does not load"
}

# The codecs of Python's clients are packages of their own; kafka-python needs xxhash for the LZ4 of message format 0.
codecs=(cramjam==2.14.0 python-snappy==0.7.3 lz4==4.4.5 xxhash==4.1.0 zstandard==0.25.0)

# From Debian's packages, without installing them into the system: Debian 12 has these versions. What apt-get knows of
# packages may be old or nothing, so it learns it anew, in a folder of ours.
install_kcat() { # DIR
	need apt-get dpkg
	local packages=(kcat=1.7.1-2 librdkafka1=2.0.2-1 libyajl2)
	mkdir -p "$1"/packages "$1"/apt/{lists,cache}
	local apt=(apt-get --quiet --quiet -o APT::Sandbox::User="$(id -un)" -o Dir::State::Lists="$1/apt/lists" -o Dir::Cache="$1/apt/cache")
	(cd "$1/packages" && "${apt[@]}" update && "${apt[@]}" download "${packages[@]}") ||
		fail "apt-get cannot download ${packages[*]}, which are in Debian 12; is its mirror reachable?"
	rm -r "$1/apt"
	local package
	for package in "$1"/packages/*.deb; do dpkg -x "$package" "$1"; done
	mv "$1"/usr/lib/*/ "$1/lib"
	LD_LIBRARY_PATH=$1/lib "$1/usr/bin/kcat" -V >/dev/null || fail "kcat does not run here"
}

install_kafkajs() { # DIR
	need node npm
	npm install --prefix "$1" --no-audit --no-fund --loglevel=error kafkajs@2.2.4 >&2 ||
		fail "npm cannot install kafkajs; is its registry reachable?"
}

install_go() { # DIR
	need go
	(cd test/matrix/clients/go && go build -trimpath -o "$1/client" .) || fail "our Go producers do not build"
}

# A changed source makes a different version.
sum() { cat "$@" | cksum; }

client() { # NAME
	local release=${1##*-} # not "version": once has one, and a function sees its caller's
	case $1 in
	java-*)
		installer() { install_java "$release" "$1"; }
		# shellcheck disable=SC2046 # a list
		once "$cache/$1" "$release $(sum $(java_sources "$release"))" installer
		;;
	python)
		installer() { install_pip "$1" confluent_kafka confluent-kafka==2.16.1; }
		once "$cache/$1" 2.16.1 installer
		;;
	kafka-python-*)
		installer() { install_pip "$1" kafka "kafka-python==$release" "${codecs[@]}"; }
		once "$cache/$1" "$release ${codecs[*]}" installer
		;;
	aiokafka-*)
		installer() {
			install_pip "$1" aiokafka "aiokafka==$release" async-timeout==5.0.1 packaging==26.3 typing-extensions==4.16.0 "${codecs[@]}"
		}
		once "$cache/$1" "$release ${codecs[*]}" installer
		;;
	kcat-*) once "$cache/$1" "$release" install_kcat ;;
	kafkajs-*) once "$cache/$1" "$release" install_kafkajs ;;
	go) once "$cache/$1" "$(sum test/matrix/clients/go/*)" install_go ;;
	*) fail "unknown client $1; there are ${all[*]}" ;;
	esac
}

for name in "${@:-${all[@]}}"; do client "$name"; done
