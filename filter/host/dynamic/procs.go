package dynamic

import (
	"os"
	"runtime"
)

// makeRoom lets half as many threads more run Go than there are CPUs, unless the environment says how many.
//
// An Envoy worker that has called Go keeps, for up to 10 ms after it has returned to C++, the right of one thread to run Go
// (a P of the runtime). With a worker for each CPU nothing may be left for the goroutines that read the brokers' answers: at half of the load
// that our host could take, with two workers on two CPUs, the median answer took 1.1 to 1.5 ms; with one more 0.6 to 0.8.
func makeRoom() {
	if os.Getenv("GOMAXPROCS") == "" {
		n := runtime.GOMAXPROCS(0)
		runtime.GOMAXPROCS(n + (n+1)/2)
	}
}
