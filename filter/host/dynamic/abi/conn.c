#include "conn.h"

#include "memory.h"

// As much as Envoy itself buffers for a client before it says so, by default.
#ifndef KAFKAMESH_CONGESTED_ABOVE  // less, for a test
#define KAFKAMESH_CONGESTED_ABOVE (1 << 20)
#endif

km_conn* km_conn_new(km_config* config) {
  km_conn* conn = km_alloc(1, sizeof *conn);
  conn->refs = 1;
  conn->config = config;
  km_config_ref(config);
  pthread_mutex_init(&conn->mu, NULL);
  return conn;
}

void km_conn_ref(km_conn* conn) { __atomic_add_fetch(&conn->refs, 1, __ATOMIC_RELAXED); }

void km_conn_unref(km_conn* conn) {
  if (__atomic_sub_fetch(&conn->refs, 1, __ATOMIC_ACQ_REL) > 0) {
    return;
  }
  if (conn->scheduler) {
    envoy_dynamic_module_callback_network_filter_scheduler_delete(conn->scheduler);
  }
  pthread_mutex_destroy(&conn->mu);
  km_outgoing_free(&conn->out);
  km_config_unref(conn->config);
  free(conn);
}

bool km_conn_may_write(const km_conn* conn) { return conn->out.length > 0 && !conn->above; }

static bool pending(const km_conn* conn) {
  if (conn->dead || conn->scheduled || conn->depth > 0) {
    return false;  // nothing can be done, or somebody will: on_scheduled, or the hook that is running
  }
  if (conn->want_abort) {
    return !conn->aborted;
  }
  if (conn->closing) {
    return conn->want_cut != conn->cut;
  }
  return km_conn_may_write(conn) || (conn->want_close && conn->out.length == 0) || conn->broken ||
         conn->want_end != conn->ended || conn->want_pause != conn->paused;
}

void km_conn_unlock(km_conn* conn) {
  bool commit = pending(conn);
  if (commit) {
    conn->scheduled = true;
  }
  pthread_mutex_unlock(&conn->mu);
  if (!commit || km_iteration_takes(conn)) {
    return;
  }
  // Not under the mutex. Commit holds a shared_ptr to Envoy's filter on this thread, a goroutine's; if the worker lets
  // go of the connection meanwhile, the filter is destroyed right here, inside commit, and our destroy hook takes the
  // mutex (seen 1 to 15 times in 15,000 connections on Envoy 1.38 to 1.40). The caller's reference keeps
  // conn itself.
  envoy_dynamic_module_callback_network_filter_scheduler_commit(conn->scheduler, km_for_conn);
}

// is_congested says whether more is unsent than is good, of which Go is told. The mutex is held.
static bool is_congested(km_conn* conn) {
  bool congested = conn->above || conn->out.length > KAFKAMESH_CONGESTED_ABOVE;
  conn->owes_drained = conn->owes_drained || congested;
  return congested;
}

bool km_conn_write(km_conn* conn, const void* bytes, size_t length) {
  pthread_mutex_lock(&conn->mu);
  bool congested = false;
  if (!conn->dead && !conn->want_close && length > 0) {
    km_outgoing_copy(&conn->out, bytes, length);
    congested = is_congested(conn);
  }
  km_conn_unlock(conn);
  return congested;
}

bool km_conn_keep(km_conn* conn, const km_part* parts, size_t count, uint64_t write, bool* kept) {
  pthread_mutex_lock(&conn->mu);
  bool congested = false;
  *kept = !conn->dead && !conn->want_close && !conn->want_abort;
  for (size_t i = 0; *kept && i < count; i++) {
    if (parts[i].length < KAFKAMESH_KEEP_FROM) {
      km_outgoing_copy(&conn->out, (const void*)parts[i].bytes, parts[i].length);
    } else {
      km_outgoing_keep(&conn->out, (const void*)parts[i].bytes, parts[i].length);
    }
  }
  if (*kept) {
    km_outgoing_mark(&conn->out, write);
    congested = is_congested(conn);
  }
  km_conn_unlock(conn);
  return congested;
}

void km_conn_close(km_conn* conn) {
  pthread_mutex_lock(&conn->mu);
  conn->want_close = true;
  km_conn_unlock(conn);
}

void km_conn_pause(km_conn* conn, bool pause) {
  pthread_mutex_lock(&conn->mu);
  conn->want_pause = pause;
  km_conn_unlock(conn);
}

void km_conn_end(km_conn* conn) {
  pthread_mutex_lock(&conn->mu);
  conn->want_end = true;
  km_conn_unlock(conn);
}

void km_conn_cut(km_conn* conn) {
  pthread_mutex_lock(&conn->mu);
  conn->want_cut = true;
  km_conn_unlock(conn);
}

void km_conn_abort(km_conn* conn) {
  pthread_mutex_lock(&conn->mu);
  conn->want_abort = true;
  km_conn_unlock(conn);
}
