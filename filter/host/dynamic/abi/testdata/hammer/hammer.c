// Many goroutines and the waker against one worker, for the thread sanitizer: connections come and go while writers
// write, pause and close, and a socket becomes ready again and again, of which an iteration has to hear. Envoy is
// played in envoy.c.
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "hammer.h"

enum { writers = 3, connections = 200, at_once = 3, patience_seconds = 60 };

static atomic_int closed;
static filter *filters[connections], *starting;
static km_config* config_of_go;

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
