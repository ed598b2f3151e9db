// Package sink has brokers that take everything and keep nothing, so that what is measured is the client and what is between.
package sink
