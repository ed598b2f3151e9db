//go:build !race

package wire

// poison: released frames are left as they are.
const poison = false
