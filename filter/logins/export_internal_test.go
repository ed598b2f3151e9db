package logins

// MaxWaiting and MaxHands are the bounds.
const MaxWaiting = maxWaiting

var MaxHands = maxHands
