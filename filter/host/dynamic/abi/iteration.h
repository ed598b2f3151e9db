// What the connections of one of Envoy's workers share: the iterations of its event loop.
//
// What an iteration brings is handed to Go, and what Go makes of it leaves at the end, in one write for each
// connection. An iteration begins for us with the first bytes of a client, or when the waker says that sockets of ours
// are ready. One of the worker's connections is then asked for an on_scheduled: Envoy has that behind all that it found
// ready itself. There Go handles our sockets and lets go of what waits, and then what is due on connections is done,
// without an on_scheduled for each.
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct km_conn;

// km_worker is one of Envoy's workers. It is never freed: there are as many as Envoy was told to have.
typedef struct km_worker {
  struct km_worker* next;  // all there are
  uint32_t index;
  int sockets;  // is ready when one of its sockets is; -1: it has none. Set before the waker hears of it

  pthread_mutex_t mu;      // guards what follows; never held while calling Envoy or Go
  struct km_conn* conns;   // those that live
  struct km_conn* woken;   // asked for an on_scheduled because sockets are ready
  struct km_conn* ending;  // asked for an on_scheduled at the end of the iteration
  bool open;               // an iteration is, whose end looks at all sockets

  // These are the worker's thread's alone.
  bool running, again;    // an iteration is being ended; and has to be once more
  struct km_conn** due;   // connections with something to be done, with a reference for each
  size_t due_count, due_capacity;
} km_worker;

// What an on_scheduled is for.
enum {
  km_for_conn = 0,  // what is due on the connection
  km_for_wake,      // sockets are ready
  km_for_end,       // the end of an iteration
};

// Called by Go, on any thread.

// km_watch has a worker have an iteration whenever sockets, an epoll of Go's, becomes ready. It must stay open for
// ever, and is the worker's only one. km_watch says whether that is possible.
bool km_watch(uint32_t worker, int sockets);

// Called by waker.c.

km_worker* km_worker_at(uint32_t index);
// km_worker_wake has the worker have an iteration. Any thread may call it.
void km_worker_wake(km_worker* worker);

// Called by iteration.c.

// km_watch_again has the waker look whether the worker's sockets are ready.
void km_watch_again(km_worker* worker);

// Called by worker.c and conn.c, on the worker's thread, but for what says otherwise.

// km_worker_join and km_worker_leave are the beginning and the end of a connection. The one that was asked for an
// on_scheduled may not get it any more: its end is the iteration's then. Off the worker's thread, another connection is
// asked.
void km_worker_join(struct km_conn* conn, uint32_t index);
void km_worker_leave(struct km_conn* conn, bool on_worker);
// km_iteration_begin begins an iteration, if none is open.
void km_iteration_begin(struct km_conn* conn);
// km_iteration_scheduled is an on_scheduled that is not for the connection.
void km_iteration_scheduled(struct km_conn* conn, uint64_t what);
// km_iteration_takes, on any thread, says whether the end of an iteration will do what is due on a connection.
bool km_iteration_takes(struct km_conn* conn);
