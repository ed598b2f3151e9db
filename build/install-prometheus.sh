#!/usr/bin/env bash
# install-prometheus.sh
#
# Puts Prometheus and promtool into .cache/prometheus and prints the folder: out of Debian's package, without installing it into the
# system. Debian 12 has this version.
set -euo pipefail
cd "$(dirname "$0")/.."
. build/once.sh
. build/debian.sh

dir=$PWD/.cache/prometheus
package=prometheus=2.42.0+ds-5+deb12u1

install() {
	unpack_debian "$1" "$package"
	mv "$1"/usr/bin/prometheus "$1"/usr/bin/promtool "$1"
	mv "$1"/usr/share/prometheus "$1/share"
	rm -r "$1/usr" "$1/etc" "$1/lib" "$1/var"
	"$1/promtool" --version >/dev/null || fail "Prometheus does not run here"
}

once "$dir" "$package" install
echo "$dir"
