// Envoy's hooks of one connection. All run on the connection's worker thread, except destroy.
//
// Some of Envoy's callbacks call hooks before they return: write can bring a watermark or a close event, close brings
// the close event. So hooks nest, and only the outermost writes, pauses and closes, at its end, with no Go below it on
// the stack: Go never sees two calls at a time for one session.
#include <stdlib.h>

#include "_cgo_export.h"
#include "conn.h"
#include "memory.h"

#define CALLBACK(name) envoy_dynamic_module_callback_network_filter_##name
#define STATUS(name) envoy_dynamic_module_type_on_network_filter_data_status_##name
#define EVENT(name) envoy_dynamic_module_type_network_connection_event_##name
#define CLOSE(name) envoy_dynamic_module_type_network_connection_close_type_##name

// Envoy reads up to 1 MiB at a time, in at most 65 pieces of 16 KiB.
enum { usual_chunks = 72 };

// is_dead says whether the connection is gone, so that Envoy's pointer is only good for counting.
static bool is_dead(const km_conn* conn) {
#ifdef KAFKAMESH_WITHOUT_CLOSE_GUARD  // for the test that shows that the guard matters
  (void)conn;
  return false;
#else
  return conn->dead;
#endif
}

// is_gone is is_dead where iterations are concerned: who was asked and is dead has handed over what is due.
static bool is_gone(km_conn* conn) {
  pthread_mutex_lock(&conn->mu);
  bool dead = conn->dead;
  pthread_mutex_unlock(&conn->mu);
  return dead;
}

static void enter(km_conn* conn) {
  pthread_mutex_lock(&conn->mu);
  conn->depth++;
  pthread_mutex_unlock(&conn->mu);
}

// broke has the connection closed by the outermost hook. We may be inside Envoy's write: closing there would pull the
// connection from under it.
static void broke(km_conn* conn) {
  pthread_mutex_lock(&conn->mu);
  conn->broken = true;
  pthread_mutex_unlock(&conn->mu);
}

// lend gives what Envoy is to be handed next; 0: nothing.
static size_t lend(km_conn* conn, const char** bytes) {
  pthread_mutex_lock(&conn->mu);
  bool more = km_conn_may_write(conn) && !is_dead(conn) && !conn->want_abort && !conn->broken;
  size_t length = more ? km_outgoing_lend(&conn->out, bytes) : 0;
  pthread_mutex_unlock(&conn->mu);
  return length;
}

// write_out hands Envoy what it takes: what is above its watermark waits here, where it need not be copied.
static void write_out(km_conn* conn, void* envoy) {
  const char* bytes = NULL;
  for (size_t length = lend(conn, &bytes); length > 0; length = lend(conn, &bytes)) {
    envoy_dynamic_module_type_module_buffer data = {(char*)bytes, length};
    CALLBACK(write)(envoy, data, false);  // copies; watermark and close events may come before it returns
    pthread_mutex_lock(&conn->mu);
    uint64_t sent = km_outgoing_take(&conn->out, length);
    pthread_mutex_unlock(&conn->mu);
    if (sent > 0 && conn->session != 0) {
      kmGoSent(conn->session, sent);
    }
  }
}

// pause_or_close does one of both, or nothing: it may bring the close event, after which nothing else may follow. Bytes
// that came since write_out go before a close: km_conn_unlock sees them and asks for another round.
static void pause_or_close(km_conn* conn, void* envoy) {
  pthread_mutex_lock(&conn->mu);
  bool alive = !is_dead(conn) && !conn->closing;
  bool abort = (alive && conn->broken) || (!is_dead(conn) && conn->want_abort && !conn->aborted);
  conn->aborted = conn->aborted || abort;
  bool cut = !is_dead(conn) && !conn->aborted && conn->closing && conn->want_cut && !conn->cut;
  conn->cut = conn->cut || cut;
  bool close = alive && !abort && conn->want_close && conn->out.length == 0;
  bool half = close && conn->ended;  // the client has not said that it is done
  bool turn = alive && !abort && !close && conn->want_pause != conn->paused;
  bool pause = conn->want_pause;
  if (turn) {
    conn->paused = pause;
  }
  conn->closing = conn->closing || abort || close;
  pthread_mutex_unlock(&conn->mu);

  if (abort) {
    CALLBACK(close)(envoy, CLOSE(NoFlush));
  } else if (half) {
    envoy_dynamic_module_type_module_buffer none = {"", 0};
    CALLBACK(write)(envoy, none, true);
    if (conn->paused && !is_dead(conn)) {
      CALLBACK(read_disable)(envoy, false);  // or its FIN would never be seen
    }
  } else if (close || cut) {
    CALLBACK(close)(envoy, CLOSE(FlushWrite));
  } else if (turn) {
    CALLBACK(read_disable)(envoy, pause);  // Envoy counts the calls: only on transitions
  }
}

// drained says whether Go has to be told that what was too much has been sent.
static bool drained(km_conn* conn) {
  pthread_mutex_lock(&conn->mu);
  bool now = conn->owes_drained && !conn->above && conn->out.length == 0 && !is_dead(conn) && !conn->closing;
  if (now) {
    conn->owes_drained = conn->told_above = false;
  }
  pthread_mutex_unlock(&conn->mu);
  return now;
}

// hand_over gives Go what a client sent: in an iteration, at whose end Go lets go of what comes of it.
static void hand_over(km_conn* conn, envoy_dynamic_module_type_envoy_buffer* chunks, size_t count, bool end) {
  km_iteration_begin(conn);
  if (!kmGoData(conn->session, chunks, count, end)) {
    broke(conn);
  }
}

// end_early tells Go, if that is wanted, that the client sends no more.
static void end_early(km_conn* conn) {
  pthread_mutex_lock(&conn->mu);
  bool now = conn->want_end && !conn->ended && !is_dead(conn) && !conn->closing;
  conn->ended = conn->want_end;
  pthread_mutex_unlock(&conn->mu);
  if (now && conn->session != 0) {
    hand_over(conn, NULL, 0, true);
  }
}

static void leave(km_conn* conn, void* envoy) {
  if (conn->depth == 1) {  // only this thread changes it
    end_early(conn);
    write_out(conn, envoy);
    while (drained(conn)) {  // Go goes on answering, until Envoy has too much or there is nothing more to answer
      if (conn->session != 0 && !kmGoCongested(conn->session, false)) {
        broke(conn);
        break;
      }
      write_out(conn, envoy);
    }
    pause_or_close(conn, envoy);
    km_metrics_publish(&conn->config->metrics, envoy, &km_by_filter);
  }
  pthread_mutex_lock(&conn->mu);
  conn->depth--;
  km_conn_unlock(conn);
}

// Nothing may fail here: NULL makes Envoy close the connection and log an error for each.
const void* envoy_dynamic_module_on_network_filter_new(const void* config, void* envoy) {
  (void)envoy;
  return km_conn_new((km_config*)config);
}

// The session starts here and not in filter_new, where the connection is not known yet.
envoy_dynamic_module_type_on_network_filter_data_status envoy_dynamic_module_on_network_filter_new_connection(
    void* envoy, const void* p) {
  km_conn* conn = (km_conn*)p;
  enter(conn);
  conn->envoy = envoy;
  conn->scheduler = CALLBACK(scheduler_new)(envoy);
  // Without it a client's FIN is RemoteClose, and what is still due to it is lost.
  CALLBACK(enable_half_close)(envoy, true);
  km_peer peer = {.worker = CALLBACK(get_worker_index)(envoy)};
  CALLBACK(get_remote_address)(envoy, &peer.remote, &peer.remote_port);
  CALLBACK(get_local_address)(envoy, &peer.local, &peer.local_port);
  // Known already here if the listener has the tls_inspector, else never.
  CALLBACK(get_requested_server_name)(envoy, &peer.server_name);
  peer.encrypted = CALLBACK(is_ssl)(envoy);
  km_worker_join(conn, peer.worker);
  km_conn_ref(conn);  // Go's
  if (!kmGoConnected(conn->config->filter, conn, &peer, &conn->session)) {
    broke(conn);
  }
  leave(conn, envoy);
  return STATUS(Continue);
}

// Hands Go the pieces as they lie in Envoy's buffer; Go's engine copies what it keeps.
static void push(km_conn* conn, void* envoy, bool end) {
  envoy_dynamic_module_type_envoy_buffer usual[usual_chunks], *chunks = usual;
  size_t count = CALLBACK(get_read_buffer_chunks_size)(envoy);
  if (count > usual_chunks) {
    chunks = km_alloc(count, sizeof *chunks);
  }
  if (count > 0 && !CALLBACK(get_read_buffer_chunks)(envoy, chunks)) {
    count = 0;
  }
  hand_over(conn, chunks, count, end);
  if (chunks != usual) {
    free(chunks);
  }
}

envoy_dynamic_module_type_on_network_filter_data_status envoy_dynamic_module_on_network_filter_read(void* envoy,
                                                                                                    const void* p,
                                                                                                    size_t length,
                                                                                                    bool end) {
  km_conn* conn = (km_conn*)p;
  enter(conn);
  // Who was told to end may send on until it sees FIN: a request that is not taken is the client's to send again.
  if (conn->session != 0 && !conn->closing && !conn->ended) {
    push(conn, envoy, end);
  }
  if (length > 0) {
    CALLBACK(drain_read_buffer)(envoy, length);
  }
  leave(conn, envoy);
  return STATUS(StopIteration);  // terminal: there is no filter after this one
}

// Envoy calls it for our own writes too, so it must not cost anything.
envoy_dynamic_module_type_on_network_filter_data_status envoy_dynamic_module_on_network_filter_write(void* envoy,
                                                                                                     const void* p,
                                                                                                     size_t length,
                                                                                                     bool end) {
  (void)envoy, (void)p, (void)length, (void)end;
  return STATUS(Continue);
}

void km_conn_act(km_conn* conn) {
  pthread_mutex_lock(&conn->mu);
  conn->scheduled = false;
  bool dead = is_dead(conn);
  if (!dead) {
    conn->depth++;
  }
  pthread_mutex_unlock(&conn->mu);
  // Commit's shared_ptr, on the goroutine's thread, can keep Envoy's filter alive past the connection it points to.
  // on_scheduled then still comes, and any network_filter callback with its pointer is a use after free: without this
  // line 5 of 22 runs of connection churn killed Envoy 1.38.3, 1.39.3 and 1.40.0, and TestChurnWithoutCloseGuard does
  // within seconds. The end of an iteration, too, may find a connection that is gone.
  if (dead) {
    return;
  }
  leave(conn, conn->envoy);
}

void envoy_dynamic_module_on_network_filter_scheduled(void* envoy, const void* p, uint64_t what) {
  (void)envoy;
  km_conn* conn = (km_conn*)p;
  if (what == km_for_conn) {
    km_conn_act(conn);  // mostly C only: no Go on the way out, and what many goroutines wrote leaves in one write
  } else if (!is_gone(conn)) {
    km_iteration_scheduled(conn, what);
  }
}

static void mark_dead(km_conn* conn) {
  pthread_mutex_lock(&conn->mu);
  conn->dead = true;
  pthread_mutex_unlock(&conn->mu);
}

static void end_session(km_conn* conn, bool on_worker) {
  uintptr_t session = conn->session;
  conn->session = 0;
  if (session != 0) {
    kmGoClosed(session, on_worker);
  }
}

// first gives the first of a certificate's names of a kind. Envoy wants room for all.
static envoy_dynamic_module_type_envoy_buffer first(void* envoy, size_t (*size)(void*),
                                                    bool (*get)(void*, envoy_dynamic_module_type_envoy_buffer*)) {
  envoy_dynamic_module_type_envoy_buffer none = {NULL, 0};
  size_t count = size(envoy);
  if (count == 0) {
    return none;
  }
  envoy_dynamic_module_type_envoy_buffer* names = km_alloc(count, sizeof *names);
  envoy_dynamic_module_type_envoy_buffer name = get(envoy, names) ? names[0] : none;
  free(names);
  return name;
}

// The handshake is over: what the client's certificate says is known from now on, and nothing has been read yet.
static void connected(km_conn* conn, void* envoy) {
  if (conn->session == 0 || !CALLBACK(is_ssl)(envoy)) {
    return;
  }
  enter(conn);
  km_certificate certificate = {
      .uri = first(envoy, CALLBACK(get_ssl_uri_sans_size), CALLBACK(get_ssl_uri_sans)),
      .dns = first(envoy, CALLBACK(get_ssl_dns_sans_size), CALLBACK(get_ssl_dns_sans)),
  };
  CALLBACK(get_ssl_subject)(envoy, &certificate.subject);
  if (!kmGoCertified(conn->session, &certificate)) {
    broke(conn);
  }
  leave(conn, envoy);
}

// The close events come before the connection is freed, always on the worker: the place to mark it dead.
void envoy_dynamic_module_on_network_filter_event(void* envoy, const void* p,
                                                  envoy_dynamic_module_type_network_connection_event event) {
  km_conn* conn = (km_conn*)p;
  if (event == EVENT(Connected)) {
    connected(conn, envoy);
  }
  if (event != EVENT(RemoteClose) && event != EVENT(LocalClose)) {
    return;
  }
  mark_dead(conn);
  if (event == EVENT(LocalClose) && conn->session != 0) {
    kmGoHungUp(conn->session);
  }
  end_session(conn, true);
  km_metrics_publish(&conn->config->metrics, envoy, &km_by_filter);
  km_worker_leave(conn, true);
}

// congested takes note of what Envoy says, many times in one long answer. Go is told the first time, and when all of it is sent.
static void congested(void* envoy, const void* p, bool on) {
  km_conn* conn = (km_conn*)p;
  enter(conn);
  pthread_mutex_lock(&conn->mu);
  conn->above = on;
  bool tell = on && !conn->told_above;
  conn->told_above = conn->told_above || on;
  conn->owes_drained = conn->owes_drained || on;
  pthread_mutex_unlock(&conn->mu);
  if (tell && conn->session != 0 && !kmGoCongested(conn->session, true)) {
    broke(conn);
  }
  leave(conn, envoy);
}

void envoy_dynamic_module_on_network_filter_above_write_buffer_high_watermark(void* envoy, const void* p) {
  congested(envoy, p, true);
}

void envoy_dynamic_module_on_network_filter_below_write_buffer_low_watermark(void* envoy, const void* p) {
  congested(envoy, p, false);
}

// May run on a goroutine's thread, inside commit (see km_conn_unlock): no callback of Envoy's here.
void envoy_dynamic_module_on_network_filter_destroy(const void* p) {
  km_conn* conn = (km_conn*)p;
  mark_dead(conn);
  end_session(conn, false);  // does nothing unless the close event stayed away
  km_worker_leave(conn, false);
  km_conn_unref(conn);
}
