// Package bubble has what tests in fake time (testing/synctest) share.
package bubble
