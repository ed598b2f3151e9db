// dynamic.cc plays Envoy's filter envoy.filters.network.dynamic_modules and its bootstrap extension. What it follows:
//
//   source/extensions/filters/network/dynamic_modules/{filter,abi_impl}.cc     the filter, its scheduler, what a module may call
//   source/extensions/bootstrap/dynamic_modules/{extension,abi_impl}.cc        the extension
//   source/extensions/dynamic_modules/abi/abi.h                                the symbols of both sides
//
// A filter lives as long as its connection, or as long as somebody is inside the commit of its scheduler: --commit-delay-us
// makes that long. on_scheduled may then come after the connection is freed, and the filter's end on the thread of who
// commits. Both were seen in Envoy, and killed it.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <set>

#include "host.h"
extern "C" {
#include "envoy_abi.h"
}

#define HOOKS(X)                                                                                                        \
  X(program_init) X(network_filter_config_new) X(network_filter_config_destroy) X(network_filter_config_scheduled)     \
  X(network_filter_new)                                                                                                \
  X(network_filter_new_connection) X(network_filter_read) X(network_filter_write) X(network_filter_event)              \
  X(network_filter_scheduled) X(network_filter_above_write_buffer_high_watermark)                                      \
  X(network_filter_below_write_buffer_low_watermark) X(network_filter_destroy) X(bootstrap_extension_config_new)       \
  X(bootstrap_extension_config_destroy) X(bootstrap_extension_new) X(bootstrap_extension_server_initialized)           \
  X(bootstrap_extension_worker_thread_initialized) X(bootstrap_extension_shutdown) X(bootstrap_extension_destroy)      \
  X(bootstrap_extension_config_scheduled) X(bootstrap_extension_listener_add_or_update)

static struct {
#define FIELD(name) decltype(&envoy_dynamic_module_on_##name) name;
  HOOKS(FIELD)
} on;

#define CHECK(condition)                                                      \
  if (!(condition)) {                                                         \
    WARN("%s:%d: not true: %s", __FILE__, __LINE__, #condition);              \
    abort();                                                                  \
  }

// ---- metrics: one scope for all configurations, as Envoy's ----
struct Metric {
  std::string name;
  bool gauge;
  std::atomic<int64_t> value{0};
};
static std::mutex metrics_mu;
static std::deque<Metric> metrics;  // the id is the index, which never changes
static size_t define(envoy_dynamic_module_type_module_buffer name, bool gauge) {
  std::lock_guard<std::mutex> l(metrics_mu);
  std::string n(name.ptr, name.length);
  for (size_t i = 0; i < metrics.size(); i++)
    if (metrics[i].name == n) return i;
  metrics.emplace_back();
  metrics.back().name = n, metrics.back().gauge = gauge;
  return metrics.size() - 1;
}
static Metric& metric(size_t id) {
  std::lock_guard<std::mutex> l(metrics_mu);
  CHECK(id < metrics.size());
  return metrics[id];
}
static envoy_dynamic_module_type_metrics_result add(size_t id, int64_t n) {
  int64_t now = metric(id).value += n;
  CHECK(now >= 0);  // Envoy's are unsigned
  return envoy_dynamic_module_type_metrics_result_Success;
}
static envoy_dynamic_module_type_metrics_result set(size_t id, uint64_t n) {
  metric(id).value = n;
  return envoy_dynamic_module_type_metrics_result_Success;
}

// ---- the filter ----
struct Config : std::enable_shared_from_this<Config> {
  const void* module = nullptr;
  ~Config() {
    if (module) on.network_filter_config_destroy(module);
  }
};
struct Dynamic : NetworkFilter, std::enable_shared_from_this<Dynamic> {
  std::shared_ptr<Config> config;
  Connection* conn;
  Worker* worker;
  const void* module;
  Buffer* reading = nullptr;

  Dynamic(std::shared_ptr<Config> g, Connection* c, Worker* w) : config(g), conn(c), worker(w) {
    module = on.network_filter_new(config->module, this);
    CHECK(module);
  }
  ~Dynamic() override { on.network_filter_destroy(module); }
  void onNewConnection() override { on.network_filter_new_connection(this, module); }
  void onData(Buffer& b, bool end) override {
    reading = &b;
    on.network_filter_read(this, module, b.len, end);
    reading = nullptr;
  }
  Status onWrite(Buffer& b, bool end) override { return (Status)on.network_filter_write(this, module, b.len, end); }
  void onEvent(Event e) override {
    on.network_filter_event(this, module, (envoy_dynamic_module_type_network_connection_event)e);
  }
  void onAboveHighWatermark() override { on.network_filter_above_write_buffer_high_watermark(this, module); }
  void onBelowLowWatermark() override { on.network_filter_below_write_buffer_low_watermark(this, module); }
};
struct Scheduler {
  std::weak_ptr<Dynamic> filter;
  Worker* worker;
};
struct ConfigScheduler {
  std::weak_ptr<Config> config;
};

// call gives the filter of a callback that belongs to its worker. The use of conn is what AddressSanitizer looks at: it is
// freed memory if the connection is gone.
static Dynamic* call(void* p) {
  auto* f = (Dynamic*)p;
  CHECK(f->worker->isThreadSafe());
  CHECK(f->conn->w == f->worker);
  return f;
}
static bool address(const std::string& a, envoy_dynamic_module_type_envoy_buffer* host, uint32_t* port) {
  size_t colon = a.find(':');
  *host = {a.data(), colon};
  *port = atoi(a.c_str() + colon + 1);
  return true;
}

// ---- what a module may call ----
#define CALLBACK(name) envoy_dynamic_module_callback_##name
typedef envoy_dynamic_module_type_module_buffer Out;
typedef envoy_dynamic_module_type_envoy_buffer In;
typedef envoy_dynamic_module_type_metrics_result Result;
extern "C" {
void CALLBACK(log)(envoy_dynamic_module_type_log_level l, Out m) { logf(l, "[module] %.*s", (int)m.length, m.ptr); }
bool CALLBACK(log_enabled)(envoy_dynamic_module_type_log_level l) { return l >= opt.log_level; }

void* CALLBACK(network_filter_scheduler_new)(void* p) {
  Dynamic* f = call(p);
  return new Scheduler{f->weak_from_this(), f->worker};
}
void CALLBACK(network_filter_scheduler_delete)(void* s) { delete (Scheduler*)s; }
void CALLBACK(network_filter_scheduler_commit)(void* p, uint64_t id) {
  auto* s = (Scheduler*)p;
  auto f = s->filter.lock();
  if (!f) return;
  s->worker->post([weak = s->filter, id] {
    if (auto f = weak.lock()) on.network_filter_scheduled(f.get(), f->module, id);
  });
  if (opt.commit_delay_us > 0 && rand() % 8 == 0) usleep(rand() % opt.commit_delay_us);
}  // f may be the last

size_t CALLBACK(network_filter_get_read_buffer_chunks_size)(void* p) {
  Dynamic* f = call(p);
  return f->reading ? f->reading->s.size() : 0;
}
bool CALLBACK(network_filter_get_read_buffer_chunks)(void* p, In* v) {
  Dynamic* f = call(p);
  if (!f->reading) return false;
  for (auto& x : f->reading->s) *v++ = {x.data(), x.size()};
  return true;
}
bool CALLBACK(network_filter_drain_read_buffer)(void* p, size_t n) {
  Dynamic* f = call(p);
  if (!f->reading) return false;
  f->reading->drain(std::min(n, f->reading->len));
  return true;
}
void CALLBACK(network_filter_write)(void* p, Out data, bool end) {
  Buffer b;
  b.add(data.ptr, data.length);
  call(p)->conn->write(b, end);
}
void CALLBACK(network_filter_close)(void* p, envoy_dynamic_module_type_network_connection_close_type t) {
  call(p)->conn->close((CloseType)t);
}
envoy_dynamic_module_type_network_read_disable_status CALLBACK(network_filter_read_disable)(void* p, bool disable) {
  call(p)->conn->readDisable(disable);
  return envoy_dynamic_module_type_network_read_disable_status_NoTransition;
}
void CALLBACK(network_filter_enable_half_close)(void* p, bool on) { call(p)->conn->half_close = on; }
uint32_t CALLBACK(network_filter_get_worker_index)(void* p) { return call(p)->worker->id; }
bool CALLBACK(network_filter_get_remote_address)(void* p, In* a, uint32_t* port) { return address(call(p)->conn->remote, a, port); }
bool CALLBACK(network_filter_get_local_address)(void* p, In* a, uint32_t* port) { return address(call(p)->conn->local, a, port); }
bool CALLBACK(network_filter_get_requested_server_name)(void* p, In*) {
  call(p);
  return false;
}
bool CALLBACK(network_filter_is_ssl)(void* p) {
  call(p);
  return false;
}
size_t CALLBACK(network_filter_get_ssl_uri_sans_size)(void* p) {
  call(p);
  return 0;
}
bool CALLBACK(network_filter_get_ssl_uri_sans)(void* p, In*) {
  call(p);
  return false;
}
size_t CALLBACK(network_filter_get_ssl_dns_sans_size)(void* p) {
  call(p);
  return 0;
}
bool CALLBACK(network_filter_get_ssl_dns_sans)(void* p, In*) {
  call(p);
  return false;
}
bool CALLBACK(network_filter_get_ssl_subject)(void* p, In*) {
  call(p);
  return false;
}
bool CALLBACK(network_set_filter_state_bytes)(void* p, Out, Out) {
  call(p);
  return true;
}
void CALLBACK(network_set_dynamic_metadata_string)(void* p, Out, Out, Out) { call(p); }
void CALLBACK(network_set_dynamic_metadata_number)(void* p, Out, Out, double) { call(p); }

Result CALLBACK(network_filter_config_define_counter)(void*, Out name, size_t* id) {
  CHECK(main_thread.isThreadSafe());
  *id = define(name, false);
  return envoy_dynamic_module_type_metrics_result_Success;
}
Result CALLBACK(network_filter_config_define_gauge)(void*, Out name, size_t* id) {
  CHECK(main_thread.isThreadSafe());
  *id = define(name, true);
  return envoy_dynamic_module_type_metrics_result_Success;
}
void* CALLBACK(network_filter_config_scheduler_new)(void* p) {
  CHECK(main_thread.isThreadSafe());
  return new ConfigScheduler{((Config*)p)->weak_from_this()};
}
void CALLBACK(network_filter_config_scheduler_commit)(void* p, uint64_t id) {
  main_thread.post([weak = ((ConfigScheduler*)p)->config, id] {
    if (auto c = weak.lock()) on.network_filter_config_scheduled(c->module, id);
  });
}
// On whatever thread lets go of the configuration last.
void CALLBACK(network_filter_config_scheduler_delete)(void* p) { delete (ConfigScheduler*)p; }
Result CALLBACK(network_filter_config_define_histogram)(void*, Out name, size_t* id) {
  CHECK(main_thread.isThreadSafe());
  *id = define(name, false);  // how often something was recorded is all that anybody looks at
  return envoy_dynamic_module_type_metrics_result_Success;
}
Result CALLBACK(network_filter_increment_counter)(void*, size_t id, uint64_t n) { return add(id, n); }
Result CALLBACK(network_filter_increment_gauge)(void*, size_t id, uint64_t n) { return add(id, n); }
Result CALLBACK(network_filter_decrement_gauge)(void*, size_t id, uint64_t n) { return add(id, -(int64_t)n); }
Result CALLBACK(network_filter_set_gauge)(void*, size_t id, uint64_t n) { return set(id, n); }
Result CALLBACK(network_filter_record_histogram_value)(void*, size_t id, uint64_t) { return add(id, 1); }
Result CALLBACK(network_filter_config_increment_counter)(void*, size_t id, uint64_t n) { return add(id, n); }
Result CALLBACK(network_filter_config_increment_gauge)(void*, size_t id, uint64_t n) { return add(id, n); }
Result CALLBACK(network_filter_config_decrement_gauge)(void*, size_t id, uint64_t n) { return add(id, -(int64_t)n); }
Result CALLBACK(network_filter_config_set_gauge)(void*, size_t id, uint64_t n) { return set(id, n); }
Result CALLBACK(network_filter_config_record_histogram_value)(void*, size_t id, uint64_t) {
  CHECK(main_thread.isThreadSafe());  // each of Envoy's threads has a memory of its own for it
  return add(id, 1);
}
}

// ---- the bootstrap extension ----
static struct Bootstrap {
  const void *config = nullptr, *extension = nullptr;
  bool initialized = false, listeners = false;
  std::set<std::string> paths;  // of the admin interface
  std::function<void()> done;
} bootstrap;
extern "C" {
void* CALLBACK(bootstrap_extension_config_scheduler_new)(void* p) { return p; }
void CALLBACK(bootstrap_extension_config_scheduler_delete)(void*) { CHECK(main_thread.isThreadSafe()); }
void CALLBACK(bootstrap_extension_config_scheduler_commit)(void* p, uint64_t id) {
  main_thread.post([p, id] { on.bootstrap_extension_config_scheduled(p, bootstrap.config, id); });
}
void CALLBACK(bootstrap_extension_config_signal_init_complete)(void*) { bootstrap.initialized = true; }
bool CALLBACK(bootstrap_extension_enable_listener_lifecycle)(void*) { return bootstrap.listeners = true; }
bool CALLBACK(bootstrap_extension_register_admin_handler)(void*, Out path, Out, bool, bool) {
  CHECK(main_thread.isThreadSafe() && path.length > 0);
  return bootstrap.paths.insert(std::string(path.ptr, path.length)).second;
}
bool CALLBACK(bootstrap_extension_remove_admin_handler)(void*, Out path) {
  CHECK(main_thread.isThreadSafe());
  return bootstrap.paths.erase(std::string(path.ptr, path.length)) > 0;
}
void CALLBACK(bootstrap_extension_admin_set_response)(void*, Out) { CHECK(false); }
}

namespace {
struct DynamicModule : Plugin {
  std::shared_ptr<Config> config;  // the listener's
  std::mutex mu;                   // guards it: workers take it

  bool load(void* so) override {
    bool ok = true;
#define LOAD(name) ok &= symbol(so, (void**)&on.name, "envoy_dynamic_module_on_" #name);
    HOOKS(LOAD)
    if (!ok) return false;
    INFO("ABI %s", on.program_init());
    bootstrap.config = on.bootstrap_extension_config_new(&bootstrap, {"kafka_mesh", 10}, {"", 0});
    bootstrap.extension = on.bootstrap_extension_new(bootstrap.config, &bootstrap);
    on.bootstrap_extension_server_initialized(&bootstrap, bootstrap.extension);
    CHECK(bootstrap.initialized && bootstrap.listeners);
    return true;
  }
  bool configure(const std::string& value) override {
    auto next = std::make_shared<Config>();
    next->module = on.network_filter_config_new(next.get(), {opt.plugin.data(), opt.plugin.size()}, {value.data(), value.size()});
    if (!next->module) return false;
    {
      std::lock_guard<std::mutex> l(mu);
      config.swap(next);
    }
    on.bootstrap_extension_listener_add_or_update(&bootstrap, bootstrap.config, {"kafka", 5});
    return true;
  }
  std::shared_ptr<NetworkFilter> newFilter(Connection* c, Worker* w) override {
    std::lock_guard<std::mutex> l(mu);
    return std::make_shared<Dynamic>(config, c, w);
  }
  void shutdown(std::function<void()> done) override {
    bootstrap.done = done;
    on.bootstrap_extension_shutdown(
        &bootstrap, bootstrap.extension, [](void*) {
          CHECK(main_thread.isThreadSafe());
          bootstrap.done();
        }, nullptr);
  }
  void destroy() override {
    config.reset();
    CHECK(bootstrap.paths.empty());  // what is left Envoys free twice
    on.bootstrap_extension_destroy(bootstrap.extension);
    on.bootstrap_extension_config_destroy(bootstrap.config);
  }
  std::string counters() override {
    std::lock_guard<std::mutex> l(metrics_mu);
    std::string s;
    for (auto& m : metrics)
      if (m.value != 0) s += m.name + "=" + std::to_string(m.value) + " ";
    return s;
  }
};
}  // namespace
std::unique_ptr<Plugin> dynamicPlugin() { return std::make_unique<DynamicModule>(); }
