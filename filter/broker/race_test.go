//go:build race

package broker_test

// raceDetector says that more is allocated than the code asks for.
const raceDetector = true
