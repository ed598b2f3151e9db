# Sourced by the installers. Bash only.
#
#   once DIR VERSION FUNCTION
#
# runs FUNCTION with an empty directory as its argument and makes that directory DIR, unless DIR is there already and
# holds VERSION. Two that run at the same time wait for each other, and a FUNCTION that fails leaves no DIR.

fail() {
	echo "${0##*/}: $*" >&2
	exit 1
}

need() {
	local tool
	for tool in "$@"; do
		command -v "$tool" >/dev/null || fail "$tool is not installed"
	done
}

# quietly COMMAND... shows what a command prints only if it fails, and without escape codes.
quietly() {
	local said
	if ! said=$("$@" 2>&1); then
		sed 's/\x1b\[[0-9;]*m//g' <<<"$said" >&2
		return 1
	fi
}

once() {
	local dir=$1 version=$2 install=$3 fresh=$1.new
	if done_already "$dir" "$version"; then return; fi

	need flock
	mkdir -p "$(dirname "$dir")"
	exec 9>"$dir.lock"
	flock 9
	if done_already "$dir" "$version"; then return; fi # somebody else did it while this one waited

	echo "${0##*/}: installing into ${dir#"$PWD"/}" >&2
	rm -rf "$fresh"
	mkdir -p "$fresh"
	"$install" "$fresh"
	printf '%s\n' "$version" >"$fresh/.version"
	rm -rf "$dir"
	mv "$fresh" "$dir"
}

done_already() {
	[ -f "$1/.version" ] && [ "$(<"$1/.version")" = "$2" ]
}
