package bubble

import "time"

// Advance lets fake time go by, and with it everything happen that is due before its end. It is called inside a bubble alone.
func Advance(d time.Duration) { time.Sleep(d) }
