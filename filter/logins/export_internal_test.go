package logins

// MaxWaiting, MaxFromOne, RestOfFailed and MaxHands are the bounds.
const (
	MaxWaiting   = maxWaiting
	MaxFromOne   = maxFromOne
	RestOfFailed = restOfFailed
)

var MaxHands = maxHands
