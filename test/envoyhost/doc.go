// Package envoyhost holds the tests of our plugin for Envoy's contrib image. There is no contrib binary to be had outside of
// container images, so host/host.cc plays Envoy: what it does is what the sources of Envoy 1.39.1 do, and it is compiled with
// AddressSanitizer, which ends the process when memory is used that Envoy has freed.
package envoyhost
