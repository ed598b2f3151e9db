// Package release holds the test of what build/release.sh makes: what a user downloads, unpacks and runs.
package release
