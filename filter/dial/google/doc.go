// Package google makes the tokens that Google's Managed Service for Apache Kafka takes: an access token of Google Cloud, in the shape of a JSON
// Web Token that says whose it is. Google's own libraries get the access token.
//
// Where the next line goes: whose credentials, identity.go; the shape, shape.go; what went wrong, explain.go.
package google
