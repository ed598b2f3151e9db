#include "iteration.h"

#include "_cgo_export.h"
#include "conn.h"
#include "memory.h"

static pthread_mutex_t workers_mu = PTHREAD_MUTEX_INITIALIZER;
static km_worker* workers;

static __thread km_worker* here;  // NULL: this is no worker's thread

km_worker* km_worker_at(uint32_t index) {
  pthread_mutex_lock(&workers_mu);
  km_worker* w = workers;
  while (w != NULL && w->index != index) {
    w = w->next;
  }
  if (w == NULL) {
    w = km_alloc(1, sizeof *w);
    w->index = index;
    w->sockets = -1;
    w->next = workers;
    pthread_mutex_init(&w->mu, NULL);
    workers = w;
  }
  pthread_mutex_unlock(&workers_mu);
  return w;
}

void km_worker_join(km_conn* conn, uint32_t index) {
  if (here == NULL || here->index != index) {
    here = km_worker_at(index);
  }
  km_worker* w = here;
  conn->worker = w;
  pthread_mutex_lock(&w->mu);
  conn->next = w->conns;
  if (conn->next != NULL) {
    conn->next->previous = conn;
  }
  w->conns = conn;
  conn->joined = true;
  pthread_mutex_unlock(&w->mu);
}

// forget does nothing the second time. The worker's mutex is held.
static void forget(km_worker* w, km_conn* conn) {
  if (!conn->joined) {
    return;
  }
  conn->joined = false;
  if (conn->previous != NULL) {
    conn->previous->next = conn->next;
  } else {
    w->conns = conn->next;
  }
  if (conn->next != NULL) {
    conn->next->previous = conn->previous;
  }
  conn->next = conn->previous = NULL;
}

// commit asks Envoy for an on_scheduled; see km_conn_unlock for what may happen inside of it. The caller holds a
// reference, or is on the worker's thread and the connection lives.
static void commit(km_conn* conn, uint64_t what) {
  envoy_dynamic_module_callback_network_filter_scheduler_commit(conn->scheduler, what);
}

// choose takes a connection to be asked, with a reference; NULL: there is none. The worker's mutex is held.
static km_conn* choose(km_worker* w) {
  if (w->conns != NULL) {
    km_conn_ref(w->conns);
  }
  return w->conns;
}

// ask asks one that was chosen. If there is none, no thread of Envoy's has anything to do: a goroutine has the
// iteration.
static void ask(km_worker* w, km_conn* chosen, uint64_t what) {
  if (chosen == NULL) {
    kmGoAlone(w->index);
    return;
  }
  commit(chosen, what);
  km_conn_unref(chosen);
}

void km_worker_wake(km_worker* w) {
  pthread_mutex_lock(&w->mu);
  bool awake = w->open || w->woken != NULL;
  if (!awake) {
    w->woken = choose(w);
  }
  km_conn* conn = w->woken;
  pthread_mutex_unlock(&w->mu);
  if (!awake) {
    ask(w, conn, km_for_wake);
  }
}

void km_iteration_begin(km_conn* conn) {
  km_worker* w = conn->worker;
  if (w->open) {
    return;
  }
  pthread_mutex_lock(&w->mu);
  w->open = true;
  w->ending = conn;
  pthread_mutex_unlock(&w->mu);
  commit(conn, km_for_end);
}

bool km_iteration_takes(km_conn* conn) {
  km_worker* w = here;
  if (w == NULL || w != conn->worker || (!w->open && !w->running)) {
    return false;
  }
  if (w->due_count == w->due_capacity) {
    w->due_capacity = w->due_capacity ? 2 * w->due_capacity : 64;
    w->due = km_grow(w->due, w->due_capacity * sizeof *w->due);
  }
  km_conn_ref(conn);
  w->due[w->due_count++] = conn;
  return true;
}

// do_due does what is due on connections. There may be more of them meanwhile.
static void do_due(km_worker* w) {
  for (size_t i = 0; i < w->due_count; i++) {
    km_conn* conn = w->due[i];
    km_conn_act(conn);
    km_conn_unref(conn);
  }
  w->due_count = 0;
}

// close_iteration comes before sockets are looked at: what becomes ready after that wakes the worker again.
static void close_iteration(km_worker* w) {
  pthread_mutex_lock(&w->mu);
  w->open = false;
  w->ending = NULL;
  pthread_mutex_unlock(&w->mu);
}

static void end_iteration(km_worker* w) {
  if (w->running) {  // the connection that was asked has died in what is being done
    w->again = true;
    return;
  }
  w->running = true;
  bool more;
  do {
    w->again = false;
    close_iteration(w);
    more = kmGoIterate(w->index);
    do_due(w);
  } while (w->again);
  w->running = false;
  if (more) {
    // Not by asking for another on_scheduled here: Envoy would have it before it looks at clients again.
    km_watch_again(w);
  }
}

void km_iteration_scheduled(km_conn* conn, uint64_t what) {
  km_worker* w = conn->worker;
  if (what == km_for_end) {
    end_iteration(w);
    return;
  }
  pthread_mutex_lock(&w->mu);
  if (w->woken == conn) {
    w->woken = NULL;
  }
  pthread_mutex_unlock(&w->mu);
  km_iteration_begin(conn);  // what clients have sent by now is part of it
}

void km_worker_leave(km_conn* conn, bool on_worker) {
  km_worker* w = conn->worker;
  if (w == NULL) {
    return;
  }
  pthread_mutex_lock(&w->mu);
  forget(w, conn);
  bool ending = w->ending == conn, woken = w->woken == conn, take_over = ending || (woken && !w->open);
  w->ending = ending ? NULL : w->ending;
  w->woken = woken ? NULL : w->woken;
  km_conn* other = NULL;
  if (take_over && !on_worker) {
    other = choose(w);
    *(ending ? &w->ending : &w->woken) = other;
    w->open = ending && other != NULL;
  }
  pthread_mutex_unlock(&w->mu);
  if (take_over && on_worker) {
    end_iteration(w);
  } else if (take_over) {
    ask(w, other, ending ? km_for_end : km_for_wake);
  }
}
