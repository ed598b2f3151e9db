#include "fake.h"

fake_envoy envoy, envoy_of_other;
fake_go go;
static const void *config, *conn, *other;

#define CALLBACK(name) envoy_dynamic_module_callback_network_filter_##name
#define HOOK(name) envoy_dynamic_module_on_network_filter_##name
typedef envoy_dynamic_module_type_envoy_buffer in;
typedef envoy_dynamic_module_type_module_buffer out;
typedef envoy_dynamic_module_type_metrics_result result;

static fake_envoy* call(void* p) {
  fake_envoy* e = p;
  CHECK(e == &envoy || e == &envoy_of_other);
  CHECK(!e->freed);        // the connection is there
  CHECK(go.in_call == 0);  // callbacks can bring hooks: never with Go on the stack
  return e;
}

// Envoy.

bool envoy_dynamic_module_callback_log_enabled(envoy_dynamic_module_type_log_level l) { return l > 0; }
void envoy_dynamic_module_callback_log(envoy_dynamic_module_type_log_level l, out m) {
  (void)l;
  fwrite(m.ptr, 1, m.length, stderr);
}
void* CALLBACK(scheduler_new)(void* p) {
  call(p)->schedulers++;
  return p;
}
void CALLBACK(scheduler_delete)(void* s) { ((fake_envoy*)s)->schedulers--; }
void CALLBACK(scheduler_commit)(void* s, uint64_t id) {
  fake_envoy* e = s;
  *(id == km_for_conn ? &e->commits : id == km_for_wake ? &e->wakes : &e->ends) += 1;
  if (e->on_commit) e->on_commit();
}
size_t CALLBACK(get_read_buffer_chunks_size)(void* p) {
  call(p);
  return strlen(envoy.read);
}
bool CALLBACK(get_read_buffer_chunks)(void* p, in* v) {  // one byte each: the worst
  call(p);
  for (size_t i = 0; i < strlen(envoy.read); i++) v[i] = (in){envoy.read + i, 1};
  return true;
}
bool CALLBACK(drain_read_buffer)(void* p, size_t n) {
  call(p);
  envoy.drained += (int)n;
  return true;
}
void CALLBACK(write)(void* p, out data, bool end) {
  fake_envoy* e = call(p);
  CHECK(end ? data.length == 0 : data.length > 0);
  if (end) {
    e->fins++;
    return;
  }
  memcpy(e->written + e->written_length, data.ptr, data.length);
  e->written_length += data.length;
  e->writes++;
  if (e->on_write) e->on_write();
}
void CALLBACK(close)(void* p, envoy_dynamic_module_type_network_connection_close_type t) {
  fake_envoy* e = call(p);
  e->closes++;
  e->close_type = (int)t;
  if (e->hangs && t == envoy_dynamic_module_type_network_connection_close_type_FlushWrite) return;
  HOOK(event)(e, e == &envoy ? conn : other, envoy_dynamic_module_type_network_connection_event_LocalClose);
}
envoy_dynamic_module_type_network_read_disable_status CALLBACK(read_disable)(void* p, bool off) {
  call(p);
  off ? envoy.disables++ : envoy.enables++;
  return 0;
}
void CALLBACK(enable_half_close)(void* p, bool on) {
  call(p);
  CHECK(on);
}
uint32_t CALLBACK(get_worker_index)(void* p) {
  call(p);
  return 7;
}
bool CALLBACK(get_remote_address)(void* p, in* a, uint32_t* port) {
  call(p);
  *a = (in){"10.0.0.1", 8};
  *port = 1234;
  return true;
}
bool CALLBACK(get_local_address)(void* p, in* a, uint32_t* port) {
  call(p);
  (void)a, (void)port;
  return false;
}
size_t CALLBACK(get_ssl_uri_sans_size)(void* p) {
  call(p);
  return 0;
}
bool CALLBACK(get_ssl_uri_sans)(void* p, envoy_dynamic_module_type_envoy_buffer* a) {
  (void)a;
  call(p);
  return false;
}
size_t CALLBACK(get_ssl_dns_sans_size)(void* p) {
  call(p);
  return 0;
}
bool CALLBACK(get_ssl_dns_sans)(void* p, envoy_dynamic_module_type_envoy_buffer* a) {
  (void)a;
  call(p);
  return false;
}
bool CALLBACK(get_ssl_subject)(void* p, envoy_dynamic_module_type_envoy_buffer* a) {
  (void)a;
  call(p);
  return false;
}
bool CALLBACK(is_ssl)(void* p) {
  call(p);
  return false;
}
bool CALLBACK(get_requested_server_name)(void* p, in* a) {
  call(p);
  (void)a;
  return false;
}
void* CALLBACK(config_scheduler_new)(void* p) {
  call(p);
  envoy.config_schedulers++;
  return &envoy.config_schedulers;
}
void CALLBACK(config_scheduler_commit)(void* p, uint64_t id) {
  CHECK(p == &envoy.config_schedulers && envoy.config_schedulers == 1);
  envoy.config_commit = id;
  envoy.config_commits++;
}
void CALLBACK(config_scheduler_delete)(void* p) {
  CHECK(p == &envoy.config_schedulers);
  envoy.config_schedulers--;
}
result CALLBACK(config_define_counter)(void* p, out n, size_t* id) {
  call(p);
  (void)n;
  *id = 10;
  return 0;
}
result CALLBACK(config_define_gauge)(void* p, out n, size_t* id) {
  call(p);
  *id = n.ptr[0] == 'l' ? 25 : 20;
  return 0;
}
result CALLBACK(config_define_histogram)(void* p, out n, size_t* id) {
  call(p);
  (void)n;
  *id = 30;
  return 0;
}
static result add(long* to, size_t want, size_t id, long n) {
  CHECK(id == want);
  *to += n;
  CHECK(*to >= 0);
  return 0;
}
result CALLBACK(increment_counter)(void* p, size_t id, uint64_t n) {
  (void)p;
  return add(&envoy.counter, 10, id, (long)n);
}
result CALLBACK(increment_gauge)(void* p, size_t id, uint64_t n) {
  (void)p;
  return add(&envoy.gauge, 20, id, (long)n);
}
result CALLBACK(decrement_gauge)(void* p, size_t id, uint64_t n) {
  (void)p;
  return add(&envoy.gauge, 20, id, -(long)n);
}
result CALLBACK(set_gauge)(void* p, size_t id, uint64_t n) {
  (void)p;
  CHECK(id == 25);
  envoy.level = (long)n;
  return 0;
}
result CALLBACK(record_histogram_value)(void* p, size_t id, uint64_t n) {
  (void)p;
  envoy.recorded++;
  return add(&envoy.histogram, 30, id, (long)n);
}
#ifndef ENVOY_1_38
result CALLBACK(config_increment_counter)(void* p, size_t id, uint64_t n) {
  (void)p;
  return add(&envoy.counter, 10, id, (long)n);
}
result CALLBACK(config_increment_gauge)(void* p, size_t id, uint64_t n) {
  (void)p;
  return add(&envoy.gauge, 20, id, (long)n);
}
result CALLBACK(config_decrement_gauge)(void* p, size_t id, uint64_t n) {
  (void)p;
  return add(&envoy.gauge, 20, id, -(long)n);
}
result CALLBACK(config_set_gauge)(void* p, size_t id, uint64_t n) { return CALLBACK(set_gauge)(p, id, n); }
result CALLBACK(config_record_histogram_value)(void* p, size_t id, uint64_t n) {
  return CALLBACK(record_histogram_value)(p, id, n);
}
#endif

// Go.

uintptr_t kmGoConfigNew(km_config* c, in name, in raw) {
  (void)name, (void)raw;
  km_metrics* m = &c->metrics;
  km_metrics_reserve(m, metric_count);
  CHECK(km_metrics_define(m, c->envoy, 0, 1, km_counter, "c", 1) == 0);
  CHECK(km_metrics_define(m, c->envoy, 1, 1, km_gauge, "g", 1) == 0);
  CHECK(km_metrics_define(m, c->envoy, 2, 3, km_histogram, "h", 1) == 0);
  CHECK(km_metrics_define(m, c->envoy, level_metric, 1, km_level, "l", 1) == 0);
  m->of[2].sample = 0;
  m->of[3].sample = 7;
  m->of[4].sample = -1;
  km_config_ref(c);
  go.config = c;
  m->numbers[1] = go.loading;
  m->marks[0] = 1u << 1;
  m->groups[0] = 1;
  return 1;
}
void kmGoConfigServed(uintptr_t f) {
  CHECK(f == 1);
  go.served++;
}
void kmGoConfigDestroy(uintptr_t f) { CHECK(f == 1); }
bool kmGoConnected(uintptr_t f, km_conn* c, km_peer* p, uintptr_t* session) {
  CHECK(f == 1 && p->worker == 7 && p->remote_port == 1234 && p->local.length == 0);
  if (go.conn != NULL) {
    go.other = c;
    *session = 3;
    return true;
  }
  go.conn = c;
  if (!go.panic_new) {
    *session = 2;
    return true;
  }
  km_conn_unref(c);
  go.conn = NULL;
  return false;
}
bool kmGoData(uintptr_t s, in* v, size_t n, bool end) {
  CHECK(s == 2 && go.in_call++ == 0);
  for (size_t i = 0; i < n; i++) CHECK(v[i].length == 1);
  go.data_calls++;
  go.ends += end;
  if (go.on_data) go.on_data();
  go.in_call--;
  return !go.panic_data;
}
bool kmGoCertified(uintptr_t s, km_certificate* c) {
  (void)s, (void)c;
  return true;
}
bool kmGoCongested(uintptr_t s, bool above) {
  (void)above;
  CHECK(s == 2 && go.in_call++ == 0);
  go.congested_calls++;
  if (go.on_congested) go.on_congested();
  go.in_call--;
  return !go.panic_congested;
}
void kmGoSent(uintptr_t s, uint64_t write) {
  CHECK(s == 2 && go.in_call == 0);
  CHECK(write > go.sent);
  go.sent = write;
  if (go.on_sent) go.on_sent();
}
void kmGoHungUp(uintptr_t s) {
  (void)s;
}
void kmGoClosed(uintptr_t s, bool on_worker) {
  CHECK(s == 2 || s == 3);
  go.closed_calls++;
  go.closed_off_worker += !on_worker;
}
bool kmGoIterate(uint32_t worker) {
  CHECK(worker == 7 && go.in_call++ == 0);
  go.iterations++;
  if (go.on_iteration) go.on_iteration();
  go.in_call--;
  return go.more;
}
void kmGoAlone(uint32_t worker) {
  CHECK(worker == 7);
  go.alone++;
}

// What tests do.

void start_config(void) { config = HOOK(config_new)(&envoy, (in){"n", 1}, (in){"r", 1}); }
void serve_config(void) { HOOK(config_scheduled)(config, 0); }
void publish_config(void) { HOOK(config_scheduled)(config, 1); }
void start_conn(void) {
  conn = HOOK(new)(config, &envoy);
  HOOK(new_connection)(&envoy, conn);
}
void start(void) {
  start_config();
  start_conn();
}
void start_other(void) {
  other = HOOK(new)(config, &envoy_of_other);
  HOOK(new_connection)(&envoy_of_other, other);
}
void end_other(void) {
  HOOK(event)(&envoy_of_other, other, envoy_dynamic_module_type_network_connection_event_RemoteClose);
  envoy_of_other.freed = true;
}
void destroy_other(void) {
  HOOK(destroy)(other);
  other = NULL;
}
void scheduled_other(uint64_t what) { HOOK(scheduled)(&envoy_of_other, other, what); }
bool wrote(const char* text) {
  return envoy.written_length == strlen(text) && !memcmp(envoy.written, text, strlen(text));
}

void go_write(const char* text) { km_conn_write(go.conn, text, strlen(text)); }
void event(void) {
  HOOK(event)(&envoy, conn, envoy_dynamic_module_type_network_connection_event_RemoteClose);
  envoy.freed = true;
}
void destroy(void) {
  HOOK(destroy)(conn);
  conn = NULL;
}
void scheduled(void) { HOOK(scheduled)(&envoy, conn, 0); }
void wake(void) { HOOK(scheduled)(&envoy, conn, km_for_wake); }
void end_iteration(void) { HOOK(scheduled)(&envoy, conn, km_for_end); }
void read_only(const char* text, bool end) {
  envoy.read = text;
  HOOK(read)(&envoy, conn, strlen(text), end);
}
void receive(const char* text, bool end) {
  read_only(text, end);
  end_iteration();
}
void finish(void) {
  if (!config) return;  // the test has done it
  if (conn) destroy();
  if (other) destroy_other();
  if (go.conn) km_conn_unref(go.conn);
  if (go.other) km_conn_unref(go.other);
  HOOK(config_destroy)(config);
  config = NULL;
  km_config_unref(go.config);
  CHECK(envoy.schedulers == 0 && envoy_of_other.schedulers == 0 && envoy.config_schedulers == 0);
}
