#!/usr/bin/env bash
# install-krb5.sh
#
# Puts MIT's Kerberos, server and tools, into .cache/krb5 and prints the folder: out of Debian's packages, without installing
# them into the system. Debian 12 has these versions.
set -euo pipefail
cd "$(dirname "$0")/.."
. build/once.sh

dir=$PWD/.cache/krb5
version=1.20.1-2+deb12u5
packages=()
for name in krb5-kdc krb5-user krb5-admin-server libkadm5srv-mit12 libkadm5clnt-mit12 libkdb5-10 libgssrpc4 libkrb5-3 libk5crypto3 \
	libkrb5support0 libgssapi-krb5-2; do
	packages+=("$name=$version")
done
packages+=(libverto1 libverto-libev1 libev4 libcom-err2 libkeyutils1 libss2)

install() {
	need apt-get dpkg
	mkdir -p "$1"/packages "$1"/apt/{lists,cache}
	local apt=(apt-get --quiet --quiet -o APT::Sandbox::User="$(id -un)" -o Dir::State::Lists="$1/apt/lists" -o Dir::Cache="$1/apt/cache")
	(cd "$1/packages" && "${apt[@]}" update && "${apt[@]}" download "${packages[@]}") ||
		fail "apt-get cannot download ${packages[*]}, which are in Debian 12; is its mirror reachable?"
	rm -r "$1/apt"
	local package
	for package in "$1"/packages/*.deb; do dpkg -x "$package" "$1"; done
	rm -r "$1/packages"
	cp -a "$1"/lib/*-linux-gnu/. "$1"/usr/lib/*-linux-gnu/ # Debian still has two places
	mv "$1"/usr/lib/*-linux-gnu "$1/libraries"
	LD_LIBRARY_PATH=$1/libraries "$1/usr/bin/klist" -V >/dev/null || fail "Kerberos does not run here"
}

once "$dir" "${packages[*]}" install
echo "$dir"
