#!/usr/bin/env bash
# install-nft.sh
#
# Puts nft, which writes the kernel's rules for packets, into .cache/nft and prints the program: out of Debian's packages, without
# installing them into the system. Debian 12 has this version.
set -euo pipefail
cd "$(dirname "$0")/.."
. build/once.sh
. build/debian.sh

dir=$PWD/.cache/nft
packages=(nftables=1.0.6-2+deb12u2 libnftables1=1.0.6-2+deb12u2 libnftnl11 libmnl0 libjansson4 libxtables12 libedit2 libbsd0 libmd0)

install() {
	unpack_debian "$1" "${packages[@]}"
	mkdir "$1/libraries"
	cp -a "$1"/usr/lib/*-linux-gnu/. "$1/libraries"
	cat >"$1/nft" <<-'END'
		#!/bin/sh
		here=$(dirname "$(readlink -f "$0")")
		LD_LIBRARY_PATH="$here/libraries" exec "$here/usr/sbin/nft" "$@"
	END
	chmod +x "$1/nft"
	"$1/nft" --version >/dev/null || fail "nft does not run here"
}

once "$dir" "${packages[*]}" install
echo "$dir/nft"
