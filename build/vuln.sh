#!/usr/bin/env bash
# vuln.sh [PACKAGE...]
#
# Looks for known vulnerabilities that the packages (./cmd/...), or what they import and Go itself, have where they are called. They are
# those of Go's database, or of the copy that GOVULNDB names, such as file:///srv/vulndb. Where the database is not to be reached, it says
# that nothing was looked for, and does not fail; a copy that is named has to be there.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ $# = 0 ]; then set -- ./cmd/...; fi
status=0
said=$(go tool -modfile=build/tools/vuln/go.mod govulncheck -db "${GOVULNDB:-https://vuln.go.dev}" "$@" 2>&1) || status=$?
if [ -z "${GOVULNDB:-}" ] && grep -q '^govulncheck: fetching vulnerabilities: ' <<<"$said"; then
	printf '%s\n' "$said" 'LEFT OUT: known vulnerabilities were not looked for, because their database cannot be reached. GOVULNDB=file:///DIR names a copy of it.'
	exit 0
fi
printf '%s\n' "$said"
exit "$status"
