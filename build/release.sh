#!/usr/bin/env bash
# release.sh [DIR [GOARCH...]]
#
# Makes the archives of a release in DIR (build/out/release): for linux on amd64 and arm64 the plain binary and the modules, the
# bill of materials of each, licences of all that is linked in, documents and examples; and their checksums. The same commit gives
# the same bytes, wherever and whenever it is built. The modules run with glibc 2.17 and newer.
#
# VERSION, COMMIT and SOURCE_DATE_EPOCH say what is built; git is asked for those that are not set. Where there is no git, as in an
# image, VERSION and SOURCE_DATE_EPOCH have to be.
set -euo pipefail
cd "$(dirname "$0")/.."
. build/once.sh
need go tar gzip sha256sum

if [ $# -lt 2 ]; then set -- "${1:-build/out/release}" amd64 arm64; fi
out=$1
glibc=2.17
modules=(libkafkamesh libkafkamesh-contrib)
nogit="there is no git here: set VERSION and SOURCE_DATE_EPOCH"
version=${VERSION:-$(git describe --tags --always --dirty)} || fail "$nogit"
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)} || fail "$nogit"
commit=${COMMIT:-$(git rev-parse HEAD 2>/dev/null)} || commit=unknown
package=$(go list -m)/filter/version
ldflags="-s -w -buildid= -X $package.version=$version -X $package.commit=$commit"
build/install-zig.sh >/dev/null

# Licence texts of the modules that a package links.
licences() { # PACKAGE DIR
	local path dir file
	go list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Dir}}{{end}}{{end}}' "$1" | sort -u |
		while read -r path dir; do
			for file in "$dir"/LICENSE* "$dir"/NOTICE* "$dir"/COPYING*; do
				if [ -f "$file" ]; then
					mkdir -p "$2/$path"
					install -m 644 "$file" "$2/$path/"
				fi
			done
			[ -d "$2/$path" ] || fail "$path has no licence text"
		done
	install -D -m 644 "$(go env GOROOT)/LICENSE" "$2/go/LICENSE"
}

compile() { # GOARCH PROCESSOR DIR
	export GOOS=linux GOARCH=$1
	CGO_ENABLED=0 go build -trimpath -ldflags "$ldflags" -o "$3/kafkamesh" ./cmd/kafkamesh
	local module
	for module in "${modules[@]}"; do
		# The compiler's name is in the result, so it has no path; neither have debugging symbols, which there are none of.
		CGO_ENABLED=1 CGO_CFLAGS='-O2 -g0' CGO_LDFLAGS='-O2 -g0 -Wl,--strip-all' PATH=$PWD/build:$PATH \
			CC="zig-cc.sh $2-linux-gnu.$glibc" go build -trimpath -buildmode=c-shared -ldflags "$ldflags" -o "$3/$module.so" "./cmd/$module"
		CGO_ENABLED=1 licences "./cmd/$module" "$3/licences"
		rm -f "$3/$module.h"
	done
	CGO_ENABLED=0 licences ./cmd/kafkamesh "$3/licences"
	local artifact # its bill is made from what the linker has left in it
	for artifact in kafkamesh "${modules[@]/%/.so}"; do
		"$work/cyclonedx-gomod" bin -json -std -noserial -notimestamp -version "$version" -output "$3/$artifact.cdx.json" "$3/$artifact"
	done
}

rm -rf "$out"
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go build -modfile=build/tools/sbom/go.mod -o "$work/" github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod
declare -A processors=([amd64]=x86_64 [arm64]=aarch64)
for goarch in "${@:2}"; do
	[ -n "${processors[$goarch]:-}" ] || fail "there is no release for $goarch"
	name=kafkamesh-$version-linux-$goarch
	mkdir "$work/$name"
	(compile "$goarch" "${processors[$goarch]}" "$work/$name")
	cp -r LICENSE README.md CHANGELOG.md CONTRIBUTING.md docs envoy.yaml examples "$work/$name"
	rm -r "$work/$name/examples/docker-compose" # builds an image from the sources
	chmod -R u=rwX,go=rX "$work/$name"
	tar --create --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$epoch" --format=ustar -C "$work" "$name" |
		gzip --no-name -9 >"$out/$name.tar.gz"
done
(cd "$out" && sha256sum ./*.tar.gz | sed 's# \./# #' >SHA256SUMS && cat SHA256SUMS)
