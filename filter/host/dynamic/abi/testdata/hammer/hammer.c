// Many goroutines against one worker, for the thread sanitizer: connections come and go while writers write, pause and
// close. Envoy is played with what matters of its scheduler: commit holds a reference to the filter on the writer's
// thread, so that on_scheduled may come after the connection is freed, and destroy may run inside commit.
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "_cgo_export.h"

#define CALLBACK(name) envoy_dynamic_module_callback_network_filter_##name
#define HOOK(name) envoy_dynamic_module_on_network_filter_##name
#define CHECK(condition)                                              \
  if (!(condition)) {                                                 \
    fprintf(stderr, "line %d: not true: %s\n", __LINE__, #condition); \
    exit(1);                                                          \
  }

enum { writers = 3, connections = 200 };

typedef struct filter {  // Envoy's
  const void* ours;
  int refs;     // guarded by mu; 0: the weak pointer is dead
  int posted;   // guarded by mu: on_scheduled calls to come
  bool freed;   // the worker's: the connection is gone
  bool paused;  // the worker's
} filter;

static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static atomic_int destroyed, destroyed_off_worker, closed, scheduler_count, live_writers;
static atomic_bool stop;
static pthread_t worker;
static km_config* config_of_go;

static bool lock_weak(filter* f) {
  pthread_mutex_lock(&mu);
  bool alive = f->refs > 0;
  f->refs += alive;
  pthread_mutex_unlock(&mu);
  return alive;
}
static void drop(filter* f) {
  pthread_mutex_lock(&mu);
  bool last = --f->refs == 0;
  pthread_mutex_unlock(&mu);
  if (!last) return;
  HOOK(destroy)(f->ours);
  destroyed++;
  destroyed_off_worker += !pthread_equal(pthread_self(), worker);
}

static void alive(void* p) { CHECK(pthread_equal(pthread_self(), worker) && !((filter*)p)->freed); }

void* CALLBACK(scheduler_new)(void* p) {
  alive(p);
  scheduler_count++;
  return p;
}
void CALLBACK(scheduler_delete)(void* s) {
  (void)s;
  scheduler_count--;
}
void CALLBACK(scheduler_commit)(void* s, uint64_t id) {
  (void)id;
  filter* f = s;
  if (!lock_weak(f)) return;
  pthread_mutex_lock(&mu);
  f->posted++;
  pthread_mutex_unlock(&mu);
  sched_yield();  // the trap: here the thread can lose its processor for long
  drop(f);
}
size_t CALLBACK(get_read_buffer_chunks_size)(void* p) {
  alive(p);
  return 0;
}
bool CALLBACK(get_read_buffer_chunks)(void* p, envoy_dynamic_module_type_envoy_buffer* v) {
  (void)p, (void)v;
  return false;
}
bool CALLBACK(drain_read_buffer)(void* p, size_t n) {
  (void)n;
  alive(p);
  return true;
}
void CALLBACK(write)(void* p, envoy_dynamic_module_type_module_buffer d, bool end) {
  alive(p);
  CHECK(end || d.length > 0);
}
void CALLBACK(close)(void* p, envoy_dynamic_module_type_network_connection_close_type t) {
  alive(p);
  filter* f = p;
  (void)t;
  HOOK(event)(f, f->ours, envoy_dynamic_module_type_network_connection_event_LocalClose);
  f->freed = true;
}
envoy_dynamic_module_type_network_read_disable_status CALLBACK(read_disable)(void* p, bool off) {
  alive(p);
  CHECK(((filter*)p)->paused != off);
  ((filter*)p)->paused = off;
  return 0;
}
void CALLBACK(enable_half_close)(void* p, bool on) {
  (void)on;
  alive(p);
}
uint32_t CALLBACK(get_worker_index)(void* p) {
  alive(p);
  return 0;
}
bool CALLBACK(get_remote_address)(void* p, envoy_dynamic_module_type_envoy_buffer* a, uint32_t* n) {
  (void)a, (void)n;
  alive(p);
  return false;
}
bool CALLBACK(get_local_address)(void* p, envoy_dynamic_module_type_envoy_buffer* a, uint32_t* n) {
  (void)a, (void)n;
  alive(p);
  return false;
}
bool CALLBACK(get_requested_server_name)(void* p, envoy_dynamic_module_type_envoy_buffer* a) {
  (void)a;
  alive(p);
  return false;
}
envoy_dynamic_module_type_metrics_result CALLBACK(config_define_counter)(void* p,
                                                                         envoy_dynamic_module_type_module_buffer n,
                                                                         size_t* id) {
  (void)p, (void)n;
  *id = 1;
  return 0;
}
envoy_dynamic_module_type_metrics_result CALLBACK(config_define_gauge)(void* p,
                                                                       envoy_dynamic_module_type_module_buffer n,
                                                                       size_t* id) {
  (void)p, (void)n;
  *id = 2;
  return 0;
}
static atomic_long counter, gauge;
envoy_dynamic_module_type_metrics_result CALLBACK(increment_counter)(void* p, size_t id, uint64_t n) {
  (void)p, (void)id;
  counter += (long)n;
  return 0;
}
envoy_dynamic_module_type_metrics_result CALLBACK(increment_gauge)(void* p, size_t id, uint64_t n) {
  (void)p, (void)id;
  gauge += (long)n;
  return 0;
}
envoy_dynamic_module_type_metrics_result CALLBACK(decrement_gauge)(void* p, size_t id, uint64_t n) {
  (void)p, (void)id;
  gauge -= (long)n;
  CHECK(gauge >= 0);
  return 0;
}
bool envoy_dynamic_module_callback_log_enabled(envoy_dynamic_module_type_log_level l) { return l > 0; }
void envoy_dynamic_module_callback_log(envoy_dynamic_module_type_log_level l,
                                       envoy_dynamic_module_type_module_buffer m) {
  (void)l, (void)m;
}

static atomic_long counted;  // what was added to the counter
static void count(int i, int64_t n) {  // as filter/stats does
  if (i == 0) counted += (long)n;
  __atomic_add_fetch(&config_of_go->values[i], n, __ATOMIC_SEQ_CST);
  if (!(__atomic_load_n(&config_of_go->marks[0], __ATOMIC_SEQ_CST) & 1u << i)) {
    __atomic_or_fetch(&config_of_go->marks[0], 1u << i, __ATOMIC_SEQ_CST);
  }
}

static void* write_on(void* p) {
  km_conn* conn = p;
  for (unsigned i = 0; !stop; i++) {
    count(1, 1);
    km_conn_write(conn, "x", 1);
    count(0, 1);
    if (i % 7 == 0) km_conn_pause(conn, i % 2);
    if (i % 503 == 502) km_conn_end(conn);
    if (i % 1001 == 1000) km_conn_close(conn);
    if (i % 1511 == 1510) km_conn_cut(conn);
    if (i % 2003 == 2002) km_conn_abort(conn);
    count(1, -1);
  }
  km_conn_unref(conn);
  live_writers--;
  return NULL;
}

uintptr_t kmGoConfigNew(km_config* c, envoy_dynamic_module_type_envoy_buffer n,
                        envoy_dynamic_module_type_envoy_buffer r) {
  (void)n, (void)r;
  km_config_reserve(c, 2);
  km_config_define(c, 0, false, "c", 1);
  km_config_define(c, 1, true, "g", 1);
  km_config_ref(c);
  config_of_go = c;
  return 1;
}
void kmGoConfigDestroy(uintptr_t f) { (void)f; }
bool kmGoConnected(uintptr_t f, km_conn* c, km_peer* p, uintptr_t* session) {
  (void)f, (void)p;
  for (int i = 0; i < writers; i++) {
    pthread_t t;
    km_conn_ref(c);
    live_writers++;
    CHECK(pthread_create(&t, NULL, write_on, c) == 0 && pthread_detach(t) == 0);
  }
  km_conn_unref(c);
  *session = 2;
  return true;
}
bool kmGoData(uintptr_t s, envoy_dynamic_module_type_envoy_buffer* v, size_t n, bool end) {
  (void)s, (void)v, (void)n, (void)end;
  return true;
}
bool kmGoCongested(uintptr_t s, bool a) {
  (void)s, (void)a;
  return true;
}
void kmGoClosed(uintptr_t s, bool on_worker) {
  (void)s;
  CHECK(on_worker);
  closed++;
}

static bool run_posted(filter* f) {
  pthread_mutex_lock(&mu);
  bool any = f->posted > 0;
  f->posted -= any;
  pthread_mutex_unlock(&mu);
  if (!any) return false;
  if (lock_weak(f)) {
    HOOK(scheduled)(f, f->ours, 0);
    drop(f);
  }
  return true;
}

static void connection(const void* config, int rounds) {
  filter* f = calloc(1, sizeof *f);
  f->refs = 1;
  stop = false;
  f->ours = HOOK(new)(config, f);
  HOOK(new_connection)(f, f->ours);
  for (int i = 0; i < rounds && !f->freed; i++) {
    HOOK(read)(f, f->ours, 0, false);
    run_posted(f);
    sched_yield();
  }
  if (!f->freed) HOOK(event)(f, f->ours, envoy_dynamic_module_type_network_connection_event_RemoteClose);
  f->freed = true;
  drop(f);
  run_posted(f);
  stop = true;
  while (live_writers > 0) run_posted(f), sched_yield();
  while (run_posted(f)) {
  }
  free(f);
}

int main(void) {
  worker = pthread_self();
  envoy_dynamic_module_type_envoy_buffer none = {"", 0};
  const void* config = HOOK(config_new)(&worker, none, none);
  for (int i = 0; i < connections; i++) connection(config, i % 40);
  CHECK(destroyed == connections && closed == connections && scheduler_count == 0);
  km_config_publish(config_of_go, &worker);
  CHECK(counter == counted && gauge == 0);  // nothing is lost
  CHECK(config_of_go->marks[0] == 0 && config_of_go->values[0] == 0 && config_of_go->values[1] == 0);
  HOOK(config_destroy)(config);
  km_config_unref(config_of_go);
  printf("%d connections, %d destroyed inside commit, %ld writes\n", connections, (int)destroyed_off_worker,
         (long)counter);
  return 0;
}
