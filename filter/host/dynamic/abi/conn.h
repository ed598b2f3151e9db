// One client's connection: what Envoy calls DynamicModuleNetworkFilter.
//
// conn.c is what goroutines call: it only takes notes, under the mutex. worker.c is what Envoy calls on the
// connection's worker thread: it acts on the notes. Two threads meet in this struct and nowhere else.
#pragma once

#include <pthread.h>

#include "config.h"
#include "iteration.h"
#include "outgoing.h"

// A part of a write that is no longer than this is copied, also where Go would keep it.
#ifndef KAFKAMESH_KEEP_FROM  // less, for a test
#define KAFKAMESH_KEEP_FROM (4 << 10)
#endif

typedef struct km_conn {
  // Envoy's reference ends in destroy. Go has one from new_connection on, until its last call on a connection that is
  // gone has returned. Atomic.
  int refs;
  km_config* config;  // holds a reference
  void* scheduler;    // Envoy's; set before Go hears of the connection
  km_worker* worker;  // the same
  struct km_conn *next, *previous;  // of the worker; its mutex guards them, and
  bool joined;                      // whether it is one of them

  // For the worker's thread only.
  void* envoy;        // its pointer to its filter: good in hooks and at the end of an iteration, until the close event
  uintptr_t session;  // the handle Go gave; 0 before new_connection and after the end

  pthread_mutex_t mu;  // guards what follows; never held while calling Envoy or Go
  km_outgoing out;  // for the client
  int depth;       // hooks of this connection on the worker's stack; the outermost acts on the notes at its end
  bool scheduled;  // on_scheduled is on its way and will act on the notes
  bool dead;       // the connection is gone
  bool broken;     // a panic was caught: close at once, whatever is still to be said
  bool want_close, closing;  // what Go wants, what Envoy was told
  bool want_end, ended;      // the session is told that the client sends no more, whether or not
  bool want_cut, cut;        // it was told FIN, and is not waited for any more
  bool want_abort, aborted;  // it is closed at once, whatever it has not taken yet
  bool want_pause, paused;
  bool above;        // Envoy has more for the client than its high watermark
  bool told_above;    // Go was told that too much is unsent by a hook, and not yet that it is not
  bool owes_drained;  // Go was told that too much is unsent, and has to be told when it is not
} km_conn;

// km_peer is who is at the other end, in Envoy's memory: good until the hook returns.
typedef struct km_peer {
  uint32_t worker;
  envoy_dynamic_module_type_envoy_buffer remote, local, server_name;
  uint32_t remote_port, local_port;
  bool encrypted;
} km_peer;

// km_certificate is what is in the client's, in Envoy's memory: good until the hook returns. All is empty if it has shown none.
typedef struct km_certificate {
  envoy_dynamic_module_type_envoy_buffer uri, dns, subject;  // of several names the first
} km_certificate;

// Called by Go, on any thread, while it holds its reference.

// km_conn_write queues a copy of the bytes; km_conn_close closes once they have left. Nothing is written after that.
// km_conn_write says whether too much is unsent. If so, kmGoCongested(false) follows once that has been sent.
bool km_conn_write(km_conn* conn, const void* bytes, size_t length);
// km_part is a part of a write, in Go's memory: where it begins is a number, since Go may take it back while it calls.
typedef struct km_part {
  uintptr_t bytes;
  size_t length;
} km_part;

// km_conn_keep is km_conn_write without the copy of parts that are long, of which there is one at least. If it says that
// they are kept, they stay as they are until kmGoSent is called with write, which is not 0, or kmGoClosed.
bool km_conn_keep(km_conn* conn, const km_part* parts, size_t count, uint64_t write, bool* kept);
void km_conn_close(km_conn* conn);
void km_conn_pause(km_conn* conn, bool pause);
// km_conn_end ends the session as a FIN of the client would. When Go then closes, the client is told FIN and closes in
// its turn: what it may send meanwhile is dropped, and does not turn the close into a reset that loses it its answers.
void km_conn_end(km_conn* conn);
// km_conn_cut closes a connection that was ended and closed, whose client does not close it.
void km_conn_cut(km_conn* conn);
// km_conn_abort closes a connection at once: what is unsent is dropped. It may follow any other call.
void km_conn_abort(km_conn* conn);
void km_conn_ref(km_conn* conn);
void km_conn_unref(km_conn* conn);

// Called by worker.c.

km_conn* km_conn_new(km_config* config);
// km_conn_may_write says whether there is something for Envoy, which takes more. The mutex is held.
bool km_conn_may_write(const km_conn* conn);
// km_conn_unlock ends what began with locking the mutex. If there are notes that nobody is on the way to act on, they
// are for the end of the worker's iteration, or it asks Envoy for an on_scheduled.
void km_conn_unlock(km_conn* conn);

// Called by iteration.c.

// km_conn_act acts on the notes, if the connection lives. On its worker, with none of its hooks on the stack.
void km_conn_act(km_conn* conn);
