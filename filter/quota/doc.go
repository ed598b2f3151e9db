// Package quota says how long a client is not read from because it has sent, read or asked for more than a rule lets its principal.
//
// New makes Quotas of rules, of which the first that matches a principal and a client id counts. A connection finds its principal's
// Allowance under that rule with Quotas.Of, and charges what it does to it: Allowance.Charge says for how long the connection is muted
// then. An allowance has three buckets, for bytes that are written, bytes that are read, and requests. Each holds what comes in in the
// rule's burst, and may be in debt for MaxWait at most: so no wait is longer, and what is more is forgiven.
//
// All connections of a principal have one allowance, on whichever worker they are. What matches is for package authorizer to say.
//
// The number of allowances is bounded. One whose buckets are full is as good as a new one, and is dropped when others come. Principals
// for whom there is no room share one allowance for each rule. Nothing here looks at a clock.
package quota
