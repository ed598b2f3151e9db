// Package amazon makes the tokens that Amazon MSK takes in place of a password (IAM): a request that is signed with AWS's credentials and
// that nobody sends. Amazon's own libraries find the credentials and sign.
//
// Where the next line goes: whose credentials, and what went wrong with them, identity.go.
package amazon
