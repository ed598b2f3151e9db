// Envoy, played with what matters of its scheduler: commit holds a reference to the filter on the writer's thread, so
// that on_scheduled may come after the connection is freed, and destroy may run inside commit.
#include <sched.h>

#include "hammer.h"

pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
pthread_t worker;
atomic_int destroyed, destroyed_off_worker, scheduler_count, config_posted;
atomic_long counter, gauge;

bool lock_weak(filter* f) {
  pthread_mutex_lock(&mu);
  bool alive = f->refs > 0;
  f->refs += alive;
  pthread_mutex_unlock(&mu);
  return alive;
}

void drop(filter* f) {
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
