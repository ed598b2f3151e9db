//go:build race

package simulation_test

// underRace says that the race detector is on, which makes all of it some ten times slower.
const underRace = true
