#!/usr/bin/env bash
# install-clients.sh [NAME...]
#
# Puts Kafka clients into .cache/clients/NAME, with our producers compiled where they have to be. Without names, all of
# them; kcat and the log daemons only where there is apt-get, for they come from Debian's packages, and those for Node.js
# only where there is npm, one of them only where there is a C++ compiler too.
set -euo pipefail
cd "$(dirname "$0")/.."
. build/once.sh
. build/debian.sh

cache=$PWD/.cache/clients
all=(java-4.3.1 python java-4.0.2 java-3.9.2 java-3.5.2 java-3.0.2 java-2.8.2 java-2.4.1 java-2.1.1 java-2.0.1 java-1.1.1
	java-0.11.0.3 kafka-python-3.0.12 kafka-python-2.0.2 aiokafka-0.14.0 go tools-4.3.1)
if command -v apt-get >/dev/null; then all+=(kcat-1.7.1 rsyslog-8.2302.0 syslog-ng-3.38.1); fi
if command -v npm >/dev/null; then all+=(kafkajs-2.2.4 platformatic-1.35.0); fi
if command -v npm >/dev/null && command -v g++ >/dev/null; then all+=(node-rdkafka-3.6.1); fi

# The producers of both test suites are compiled against 4.3.1, the programs of the matrix against all. Extensions of tokens came with 2.1.
java_sources() {
	if [ "$1" = 4.3.1 ]; then echo test/e2e/clients/java/Produce.java test/e2e/clients/java/Member.java; fi
	case $1 in 0.* | 1.* | 2.0.*) ;; *) echo test/matrix/clients/java/Token.java ;; esac
	echo test/matrix/clients/java/Client.java test/matrix/clients/java/Ask.java test/matrix/clients/java/Consume.java
}

copy_jars() { # VERSION ARTIFACT DIR
	need java mvn
	quietly mvn --quiet --batch-mode -Dstyle.color=never -f build/kafka/pom.xml -Dkafka.version="$1" -Dkafka.artifact="$2" \
		dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$3" ||
		fail "Maven cannot fetch $2 $1; is its repository reachable?"
}

install_java() { # VERSION DIR
	need javac
	local sources
	sources=$(java_sources "$1")
	copy_jars "$1" kafka-clients "$2/libs"
	# shellcheck disable=SC2086 # a list
	javac -Xlint:all,-path,-classfile -Werror --release 17 -d "$2/classes" -cp "$2/libs/*" $sources ||
		fail "our Java clients do not compile against kafka-clients $1"
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

install_kcat() { # DIR
	unpack_debian "$1" kcat=1.7.1-2 librdkafka1=2.0.2-1 libyajl2
	mv "$1"/usr/lib/*/ "$1/lib"
	LD_LIBRARY_PATH=$1/lib "$1/usr/bin/kcat" -V >/dev/null || fail "kcat does not run here"
}

# The log daemons get security fixes under their versions, so their packages are not pinned, but the versions are.
install_rsyslog() { # DIR
	unpack_debian "$1" rsyslog rsyslog-kafka librdkafka1=2.0.2-1 libestr0 libfastjson4 liblognorm5
	mv "$1"/usr/lib/*-linux-gnu "$1/libraries"
	said=$(LD_LIBRARY_PATH=$1/libraries "$1/usr/sbin/rsyslogd" -v) || fail "rsyslog does not run here"
	[[ $said == *" $release "* ]] || fail "rsyslog is not $release: $said"
}

install_syslog_ng() { # DIR
	unpack_debian "$1" syslog-ng-core syslog-ng-mod-rdkafka librdkafka1=2.0.2-1 libivykis0 libnet1 libwrap0 libnsl2 libtirpc3 libpcre3 \
		libjson-c5 libglib2.0-0
	mkdir "$1/libraries"
	cp -a "$1"/{usr/lib/*-linux-gnu,usr/lib/syslog-ng,lib/*-linux-gnu}/*.so* "$1/libraries"
	said=$(LD_LIBRARY_PATH=$1/libraries "$1/usr/sbin/syslog-ng" -V) || fail "syslog-ng does not run here"
	[[ $said == *"($release)"* ]] || fail "syslog-ng is not $release: $said"
}

# Kafka's own programs: kafka-verifiable-producer, and Connect with its source for files.
install_tools() { # DIR
	copy_jars "$release" kafka-tools "$1/libs"
	copy_jars "$release" connect-file "$1/libs"
}

install_kafkajs() { # DIR
	need node npm
	npm install --prefix "$1" --no-audit --no-fund --loglevel=error kafkajs@2.2.4 >&2 ||
		fail "npm cannot install kafkajs; is its registry reachable?"
}

install_platformatic() { # DIR
	need node npm
	npm install --prefix "$1" --no-audit --no-fund --loglevel=error @platformatic/kafka@1.35.0 >&2 ||
		fail "npm cannot install @platformatic/kafka; is its registry reachable?"
}

# Its code in C++ is compiled here, without optimization, and linked to the librdkafka of Python's client, which is younger
# than the one that it comes with: that one would take minutes to compile.
install_node_rdkafka() { # DIR
	need node npm g++
	npm install --prefix "$1" --no-audit --no-fund --loglevel=error --ignore-scripts node-rdkafka@3.6.1 >&2 ||
		fail "npm cannot install node-rdkafka; is its registry reachable?"
	local headers
	headers=$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")/include/node
	[ -f "$headers/node.h" ] || fail "there is no $headers/node.h: node is installed without its headers"
	cp "$cache"/python/confluent_kafka.libs/librdkafka-*.so.1 "$1"
	(
		cd "$1/node_modules/node-rdkafka"
		mkdir -p build/Release
		: >deps/librdkafka/config.h # includes it, and takes nothing from it
		# shellcheck disable=SC2016 # the linker's word
		g++ -O0 -w -fPIC -shared -std=c++20 -DNODE_GYP_MODULE_NAME=node_librdkafka -DBUILDING_NODE_EXTENSION \
			-I"$headers" -I../nan -I. -Ideps/librdkafka/src -Ideps/librdkafka/src-cpp src/*.cc deps/librdkafka/src-cpp/*.cpp \
			../../librdkafka-*.so.1 -Wl,-rpath,'$ORIGIN/../../../..' -o build/Release/node-librdkafka.node
	) || fail "node-rdkafka does not compile"
	node -e 'require(process.argv[1])' "$1/node_modules/node-rdkafka" || fail "node-rdkafka does not load"
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
	platformatic-*) once "$cache/$1" "$release" install_platformatic ;;
	node-rdkafka-*)
		client python
		once "$cache/$1" "$release" install_node_rdkafka
		;;
	rsyslog-*) once "$cache/$1" "$release" install_rsyslog ;;
	syslog-ng-*) once "$cache/$1" "$release" install_syslog_ng ;;
	tools-*) once "$cache/$1" "$release" install_tools ;;
	go) once "$cache/$1" "$(sum test/matrix/clients/go/*)" install_go ;;
	*) fail "unknown client $1; there are ${all[*]}" ;;
	esac
}

for name in "${@:-${all[@]}}"; do client "$name"; done
