//go:build race

package wire

// poison: released frames are overwritten, to find who reads them too late.
const poison = true
