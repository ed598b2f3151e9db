#!/usr/bin/env bash
# install-plotter.sh
#
# Puts a Python with matplotlib, which draws the benchmarks' charts, into .cache/plotter and prints the path of its python.
set -euo pipefail
cd "$(dirname "$0")/.."
. build/once.sh

dir=$PWD/.cache/plotter
packages=(matplotlib==3.11.2 contourpy==1.3.3 cycler==0.12.1 fonttools==4.68.0 kiwisolver==1.5.1 numpy==2.4.6 packaging==26.3
	pillow==13.0.0 pyparsing==3.3.3 python-dateutil==4.0.0 tzdata==2026.6)

install() {
	need python3
	python3 -m venv --without-pip "$1" || fail "python3 cannot make a virtual environment; is its module venv installed?"
	local libraries=("$1"/lib/python3.*/site-packages)
	python3 -m pip install --quiet --disable-pip-version-check --no-warn-script-location --root-user-action=ignore \
		--no-deps --target "${libraries[0]}" "${packages[@]}" ||
		fail "pip cannot install ${packages[*]}; is its package index reachable?"
	rm "$1"/bin/[aA]ctivate* # they name the folder that once moves
	"$1/bin/python" -c 'import matplotlib.pyplot' || fail "matplotlib does not load"
}

once "$dir" "${packages[*]}" install
echo "$dir/bin/python"
