# Sourced by the installers that take programs from Debian's packages. Bash only; after once.sh.
#
#   unpack_debian DIR PACKAGE...
#
# puts the files of packages of Debian 12 into DIR without installing them into the system. What apt-get knows of packages
# may be old or nothing, so it learns it anew, in a folder of ours.

unpack_debian() {
	need apt-get dpkg
	local dir=$1
	shift
	mkdir -p "$dir"/packages "$dir"/apt/{lists,cache}
	local apt=(apt-get --quiet --quiet -o APT::Sandbox::User="$(id -un)" -o Dir::State::Lists="$dir/apt/lists" -o Dir::Cache="$dir/apt/cache")
	(cd "$dir/packages" && "${apt[@]}" update && "${apt[@]}" download "$@") ||
		fail "apt-get cannot download $*, which are in Debian 12; is its mirror reachable?"
	local package
	for package in "$dir"/packages/*.deb; do dpkg -x "$package" "$dir"; done
	rm -r "$dir/packages" "$dir/apt"
}
