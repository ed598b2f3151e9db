// Many goroutines and the waker against one worker, for the thread sanitizer: connections come and go while writers
// write, pause and close, and a socket becomes ready again and again, of which an iteration has to hear. Envoy is
// played with what matters of its scheduler: commit holds a reference to the filter on the writer's thread, so that
// on_scheduled may come after the connection is freed, and destroy may run inside commit.
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "_cgo_export.h"

#define CALLBACK(name) envoy_dynamic_module_callback_network_filter_##name
#define HOOK(name) envoy_dynamic_module_on_network_filter_##name
#define CHECK(condition)                                              \
  if (!(condition)) {                                                 \
    fprintf(stderr, "line %d: not true: %s\n", __LINE__, #condition); \
    exit(1);                                                          \
  }

enum { writers = 3, connections = 200, at_once = 3, patience_seconds = 60 };

typedef struct filter {  // Envoy's
  const void* ours;
  km_conn* conn;
  int refs;                 // guarded by mu; 0: the weak pointer is dead
  int posted[3];            // guarded by mu: on_scheduled calls to come, by what they are for
  bool freed;               // the worker's: the connection is gone
  bool paused;              // the worker's
  int rounds;               // the worker's: how long it lives
  atomic_bool stop;         // its writers
  atomic_int live_writers;
} filter;

static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static atomic_int destroyed, destroyed_off_worker, closed, scheduler_count;
static pthread_t worker;
static filter *filters[connections], *starting;
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
  filter* f = s;
  if (!lock_weak(f)) return;
  pthread_mutex_lock(&mu);
  f->posted[id]++;
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
size_t CALLBACK(get_ssl_uri_sans_size)(void* p) {
  alive(p);
  return 0;
}
bool CALLBACK(get_ssl_uri_sans)(void* p, envoy_dynamic_module_type_envoy_buffer* a) {
  (void)a;
  alive(p);
  return false;
}
size_t CALLBACK(get_ssl_dns_sans_size)(void* p) {
  alive(p);
  return 0;
}
bool CALLBACK(get_ssl_dns_sans)(void* p, envoy_dynamic_module_type_envoy_buffer* a) {
  (void)a;
  alive(p);
  return false;
}
bool CALLBACK(get_ssl_subject)(void* p, envoy_dynamic_module_type_envoy_buffer* a) {
  (void)a;
  alive(p);
  return false;
}
bool CALLBACK(is_ssl)(void* p) {
  alive(p);
  return false;
}
bool CALLBACK(get_requested_server_name)(void* p, envoy_dynamic_module_type_envoy_buffer* a) {
  (void)a;
  alive(p);
  return false;
}
void* CALLBACK(config_scheduler_new)(void* p) { return p; }
static atomic_int config_posted;  // config_scheduled calls to come, to publish in
void CALLBACK(config_scheduler_commit)(void* p, uint64_t id) {
  (void)p;
  config_posted += id == 1;
}
void CALLBACK(config_scheduler_delete)(void* p) { (void)p; }
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
envoy_dynamic_module_type_metrics_result CALLBACK(config_define_histogram)(void* p,
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
envoy_dynamic_module_type_metrics_result CALLBACK(record_histogram_value)(void* p, size_t id, uint64_t n) {
  (void)p, (void)id;
  (void)n;
  return 0;
}
envoy_dynamic_module_type_metrics_result CALLBACK(set_gauge)(void* p, size_t id, uint64_t n) {
  (void)p, (void)id;
  (void)n;
  return 0;
}
#define BY_CONFIG(name)                                                                                   \
  envoy_dynamic_module_type_metrics_result CALLBACK(config_##name)(void* p, size_t id, uint64_t n) {      \
    return CALLBACK(name)(p, id, n);                                                                      \
  }
BY_CONFIG(increment_counter)
BY_CONFIG(increment_gauge)
BY_CONFIG(decrement_gauge)
BY_CONFIG(set_gauge)
BY_CONFIG(record_histogram_value)
bool envoy_dynamic_module_callback_log_enabled(envoy_dynamic_module_type_log_level l) { return l > 0; }
void envoy_dynamic_module_callback_log(envoy_dynamic_module_type_log_level l,
                                       envoy_dynamic_module_type_module_buffer m) {
  (void)l, (void)m;
}

static atomic_long counted;  // what was added to the counter
static void count(int i, int64_t n) {  // as filter/stats does
  if (i == 0) counted += (long)n;
  km_metrics* m = &config_of_go->metrics;
  __atomic_add_fetch(&m->numbers[i], n, __ATOMIC_SEQ_CST);
  if (!(__atomic_load_n(&m->marks[0], __ATOMIC_SEQ_CST) & 1u << i) &&
      __atomic_fetch_or(&m->marks[0], 1u << i, __ATOMIC_SEQ_CST) == 0) {
    __atomic_or_fetch(&m->groups[0], 1, __ATOMIC_SEQ_CST);
  }
}

static void* write_on(void* p) {
  filter* f = p;
  km_conn* conn = f->conn;
  for (unsigned i = 0; !f->stop; i++) {
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
  f->live_writers--;
  return NULL;
}

uintptr_t kmGoConfigNew(km_config* c, envoy_dynamic_module_type_envoy_buffer n,
                        envoy_dynamic_module_type_envoy_buffer r) {
  (void)n, (void)r;
  km_metrics_reserve(&c->metrics, 2);
  km_metrics_define(&c->metrics, c->envoy, 0, 1, km_counter, "c", 1);
  km_metrics_define(&c->metrics, c->envoy, 1, 1, km_gauge, "g", 1);
  km_config_ref(c);
  config_of_go = c;
  return 1;
}
void kmGoConfigServed(uintptr_t f) { (void)f; }
void kmGoConfigDestroy(uintptr_t f) { (void)f; }
bool kmGoConnected(uintptr_t f, km_conn* c, km_peer* p, uintptr_t* session) {
  (void)f, (void)p;
  starting->conn = c;
  for (int i = 0; i < writers; i++) {
    pthread_t t;
    km_conn_ref(c);
    starting->live_writers++;
    CHECK(pthread_create(&t, NULL, write_on, starting) == 0 && pthread_detach(t) == 0);
  }
  km_conn_unref(c);
  *session = 2;
  return true;
}
bool kmGoData(uintptr_t s, envoy_dynamic_module_type_envoy_buffer* v, size_t n, bool end) {
  (void)s, (void)v, (void)n, (void)end;
  return true;
}
bool kmGoCertified(uintptr_t s, km_certificate* c) {
  (void)s, (void)c;
  return true;
}
bool kmGoCongested(uintptr_t s, bool a) {
  (void)s, (void)a;
  return true;
}
void kmGoSent(uintptr_t s, uint64_t write) { (void)s, (void)write; }
void kmGoHungUp(uintptr_t s) {
  (void)s;
}
void kmGoClosed(uintptr_t s, bool on_worker) {
  (void)s;
  CHECK(on_worker);
  closed++;
}

// A socket that becomes ready for the n-th time when an iteration has seen it n-1 times.
static int epoll_of_go, bell;
static pthread_mutex_t iteration_mu = PTHREAD_MUTEX_INITIALIZER;
static atomic_long rung, seen, iterations, iterations_alone;
static atomic_bool done;
bool kmGoIterate(uint32_t w) {
  CHECK(w == 0);
  pthread_mutex_lock(&iteration_mu);
  uint64_t n;
  bool more = iterations++ % 5 == 0;  // what is left is for the next
  // What rung was before is not what was read: it may have been rung in between.
  if (!more && read(bell, &n, sizeof n) == sizeof n) seen = rung;
  pthread_mutex_unlock(&iteration_mu);
  return more;
}
static atomic_int live_alone;
static void* iterate_alone(void* none) {
  while (kmGoIterate(0)) {
  }
  iterations_alone++;
  live_alone--;
  return none;
}
void kmGoAlone(uint32_t w) {
  CHECK(w == 0);
  pthread_t t;
  live_alone++;
  CHECK(pthread_create(&t, NULL, iterate_alone, NULL) == 0 && pthread_detach(t) == 0);
}
static void* ring(void* none) {
  while (!done) {
    uint64_t one = 1;
    long n = ++rung;
    CHECK(write(bell, &one, sizeof one) == sizeof one);
    for (time_t until = time(NULL) + patience_seconds; seen < n; sched_yield()) CHECK(time(NULL) < until);
  }
  return none;
}

// tick is Go's ticker and Envoy's main thread, which publishes while the worker does.
static void* tick(void* config) {
  while (!done) {
    CHECK(km_config_tick(config_of_go));
    for (; config_posted > 0; config_posted--) HOOK(config_scheduled)(config, 1);
    sched_yield();
  }
  return NULL;
}

static bool run_posted(filter* f) {
  pthread_mutex_lock(&mu);
  int what = 0;
  while (what < 3 && f->posted[what] == 0) what++;
  if (what < 3) f->posted[what]--;
  pthread_mutex_unlock(&mu);
  if (what == 3) return false;
  if (lock_weak(f)) {
    HOOK(scheduled)(f, f->ours, (uint64_t)what);
    drop(f);
  }
  return true;
}

static filter* open_one(const void* config, int rounds) {
  filter* f = calloc(1, sizeof *f);
  f->refs = 1;
  f->rounds = rounds;
  f->ours = HOOK(new)(config, f);
  starting = f;
  HOOK(new_connection)(f, f->ours);
  return f;
}

// step is an iteration of the worker's. It reports whether the connection lives.
static bool step(filter* f) {
  if (f->rounds-- > 0 && !f->freed) {
    HOOK(read)(f, f->ours, 0, false);
    return !f->freed;
  }
  if (!f->freed) HOOK(event)(f, f->ours, envoy_dynamic_module_type_network_connection_event_RemoteClose);
  f->freed = true;
  f->stop = true;
  drop(f);
  return false;
}

static int made;  // filters
static filter* live[at_once];

static void run_all_posted(void) {
  for (int i = 0; i < made; i++) run_posted(filters[i]);
}

// end_all leaves the worker without a connection, until an iteration has passed there.
static void end_all(void) {
  for (int i = 0; i < at_once; i++) {
    if (live[i] == NULL) continue;
    live[i]->rounds = 0;
    step(live[i]);
    live[i] = NULL;
  }
  long before = iterations_alone;
  for (time_t until = time(NULL) + patience_seconds; iterations_alone == before; run_all_posted()) {
    CHECK(time(NULL) < until);
  }
}

// step_all has the connections live on, and others in place of those that have ended. It reports whether there are any.
static bool step_all(const void* config) {
  bool any = false;
  for (int i = 0; i < at_once; i++) {
    if (live[i] == NULL && made < connections) {
      live[i] = filters[made] = open_one(config, made % 40);
      if (++made % 50 == 0) {
        end_all();
        continue;
      }
    }
    if (live[i] != NULL && !step(live[i])) {
      if (!live[i]->stop) step(live[i]);  // it has closed itself
      live[i] = NULL;
    }
    any = any || live[i] != NULL;
  }
  return any;
}

static void watch_bell(void) {
  epoll_of_go = epoll_create1(0);
  bell = eventfd(0, EFD_NONBLOCK);
  struct epoll_event event = {.events = EPOLLIN};
  CHECK(epoll_ctl(epoll_of_go, EPOLL_CTL_ADD, bell, &event) == 0 && km_watch(0, epoll_of_go));
}

int main(void) {
  worker = pthread_self();
  envoy_dynamic_module_type_envoy_buffer none = {"", 0};
  const void* config = HOOK(config_new)(&worker, none, none);
  watch_bell();
  pthread_t ringing, ticking;
  CHECK(pthread_create(&ringing, NULL, ring, NULL) == 0);
  CHECK(pthread_create(&ticking, NULL, tick, (void*)config) == 0);
  while (step_all(config) || made < connections) {
    run_all_posted();
    sched_yield();
  }
  done = true;
  pthread_join(ringing, NULL);
  for (int i = 0; i < made; i++) {
    while (filters[i]->live_writers > 0) run_posted(filters[i]), sched_yield();
    while (run_posted(filters[i])) {
    }
  }
  while (live_alone > 0) sched_yield();
  CHECK(destroyed == connections && closed == connections && scheduler_count == 0);
  CHECK(pthread_join(ticking, NULL) == 0);
  km_metrics_publish(&config_of_go->metrics, &worker, &km_by_filter);
  CHECK(counter == counted && gauge == 0);  // nothing is lost
  km_metrics* m = &config_of_go->metrics;
  CHECK(m->marks[0] == 0 && m->numbers[0] == counted && m->numbers[1] == 0);
  HOOK(config_destroy)(config);
  km_config_unref(config_of_go);
  printf("%d connections, %d destroyed inside commit, %ld writes\n", connections, (int)destroyed_off_worker,
         (long)counter);
  printf("ready %ld times, %ld iterations, %ld without a connection\n", (long)rung, (long)iterations,
         (long)iterations_alone);
  return 0;
}
