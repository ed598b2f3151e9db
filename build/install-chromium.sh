#!/usr/bin/env bash
# install-chromium.sh
#
# Puts a headless Chromium, with the libraries and a font that it needs, into .cache/chromium and prints what starts it: out of
# Debian's packages, without installing them into the system. Debian keeps one version only, so whichever that is.
set -euo pipefail
cd "$(dirname "$0")/.."
. build/once.sh

dir=$PWD/.cache/chromium
wanted=(chromium-headless-shell fonts-dejavu-core fonts-liberation)

install() {
	need apt-get dpkg
	mkdir -p "$1"/packages "$1"/apt/{lists,cache}
	: >"$1/apt/status" # nothing is installed: all that Chromium needs is listed
	local apt=(apt-get --quiet --quiet -o APT::Sandbox::User="$(id -un)" -o Dir::State::Lists="$1/apt/lists"
		-o Dir::Cache="$1/apt/cache" -o Dir::State::status="$1/apt/status")
	"${apt[@]}" update || fail "apt-get cannot read Debian's lists; is its mirror reachable?"
	local packages
	# The C library and what is below it are the system's: two of them in one process do not get on.
	mapfile -t packages < <("${apt[@]}" --simulate --no-install-recommends install "${wanted[@]}" |
		awk '$1 == "Inst" && $2 ~ /^(lib|chromium|font)/ && $2 !~ /^lib(c6|c-bin|gcc-s1|crypt1|stdc\+\+6|nss-.*|pam.*|systemd0)$/ {print $2}')
	[ "${#packages[@]}" -gt 20 ] || fail "Debian has no ${wanted[*]} here"
	(cd "$1/packages" && "${apt[@]}" download "${packages[@]}") || fail "apt-get cannot download ${packages[*]}"
	local package
	for package in "$1"/packages/*.deb; do dpkg -x "$package" "$1"; done
	rm -r "$1/apt" "$1/packages"
	mkdir -p "$1/libraries"
	local place
	for place in "$1"/usr/lib/*-linux-gnu "$1"/lib/*-linux-gnu; do
		[ ! -d "$place" ] || cp -a "$place/." "$1/libraries"
	done
	rm -rf "$1"/usr/share/{doc,man,locale,icons,themes} "$1"/usr/lib/*-linux-gnu "$1"/lib
	settle "$1"
	"$1/chromium" --version >/dev/null || fail "Chromium does not run here"
}

# settle writes what starts Chromium with its own libraries and font, from wherever it will be.
settle() {
	cat >"$1/chromium" <<-'END'
		#!/bin/sh
		here=$(dirname "$(readlink -f "$0")")
		export LD_LIBRARY_PATH="$here/libraries:$here/libraries/pulseaudio" FONTCONFIG_FILE="$here/fonts.conf"
		sed "s|HERE|$here|" "$here/fonts.conf.in" >"$here/fonts.conf.$$" && mv "$here/fonts.conf.$$" "$here/fonts.conf"
		exec "$here/usr/lib/chromium/chromium-headless-shell" --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
			--disable-background-networking --disable-component-update --disable-sync --disable-dev-shm-usage "$@"
	END
	chmod +x "$1/chromium"
	cat >"$1/fonts.conf.in" <<-'END'
		<?xml version="1.0"?>
		<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
		<fontconfig>
		  <dir>HERE/usr/share/fonts</dir>
		  <cachedir>HERE/fonts.cache</cachedir>
		  <alias><family>sans-serif</family><prefer><family>Liberation Sans</family></prefer></alias>
		  <alias><family>system-ui</family><prefer><family>Liberation Sans</family></prefer></alias>
		  <alias><family>monospace</family><prefer><family>Liberation Mono</family></prefer></alias>
		  <match><edit name="family" mode="append_last"><string>Liberation Sans</string></edit></match>
		</fontconfig>
	END
}

once "$dir" "${wanted[*]}" install
echo "$dir/chromium"
