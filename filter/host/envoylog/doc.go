// Package envoylog writes log records as lines of Envoy's log. The hosts that Envoy loads share it.
package envoylog
