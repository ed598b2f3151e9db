// Package redirect has clients dial addresses that the kernel redirects to Envoy, as a service mesh does, and sees what they are told when no
// address is configured: that which they dialled, or the name they used. The tests run in a network of their own, with the kernel's real
// rules.
package redirect
