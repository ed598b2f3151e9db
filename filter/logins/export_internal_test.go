package logins

// MaxWaiting, MaxFromOne and MaxHands are the bounds.
const (
	MaxWaiting = maxWaiting
	MaxFromOne = maxFromOne
)

var MaxHands = maxHands
