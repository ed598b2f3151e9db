// Package authorizer says who may do what: rules, of which the first that matches decides, and what they come to for one principal.
//
// New compiles Rules once; Rules.For gives the Rights of a principal, which a connection asks with Rights.Decide for each topic, group or
// transactional id that a request names. Nothing is allocated then, and the time hardly grows with the number of rules. Without rules
// there are no Rights: nil allows everything. With rules, what none of them matches is denied.
//
// Patterns are checked by CheckPrincipal, and rules that can never decide are found by Hider: config refuses both. Operations are Kafka's,
// and so is what they imply: who is allowed READ, WRITE, DELETE or ALTER is allowed DESCRIBE, and who is allowed ALTER_CONFIGS is allowed
// DESCRIBE_CONFIGS. What is denied implies nothing. (StandardAuthorizer of Kafka; there, a denial wins wherever it stands.)
package authorizer
