// Package contrib runs Kafka mesh in Envoy's contrib image, as a plugin of the network filter envoy.filters.network.golang.
//
// Envoy's side of that filter is thin, and much that goes wrong there ends the process. What follows from it here:
//
//   - The filter that Envoy is given is a leaf: nothing points to it. Go's collector frees it, and with it Envoy's part, when
//     Envoy has let go of it. A cycle would keep both for ever (envoyproxy/envoy#30210).
//   - The callback is used under a mutex, and not once the connection is gone: Envoy's part may be freed by then.
//   - No panic leaves a call; nothing empty is written; the end of a stream is never written.
//   - A configuration cannot be refused: one with mistakes is logged, and closes every connection.
//   - Reads cannot be paused: the engine's limits end a client that goes too far.
//   - Nobody says when answers have been sent: the kernel is asked what it has of them.
//
// The filter has to be the last of its chain (is_terminal_filter: true), and no filter ahead of it may stop the chain or close
// the connection when it is new: Envoy then calls a filter that does not exist, and the process ends.
package contrib
