// Package churn is a load of short connections that end in every way: left at once, closed or reset before, while and after their
// answers come, half closed, in the middle of a frame. A mesh that keeps something of a connection grows under it.
package churn
