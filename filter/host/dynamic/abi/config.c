#include "config.h"

#include "_cgo_export.h"
#include "memory.h"

#define CALLBACK(name) envoy_dynamic_module_callback_network_filter_##name

// What a config_scheduled is for.
enum { for_service, for_publication };

static void publish(km_config* config) {
  const km_teller* by = km_by_config();
  if (by != NULL) {
    km_metrics_publish(&config->metrics, config->envoy, by);
  }
}

// A panic or a mistake in the configuration gives NULL: Envoy then refuses the listener. Envoy has no way to take the
// reason; Go has logged it.
const void* envoy_dynamic_module_on_network_filter_config_new(void* envoy, envoy_dynamic_module_type_envoy_buffer name,
                                                              envoy_dynamic_module_type_envoy_buffer raw) {
  km_config* config = km_alloc(1, sizeof *config);
  pthread_mutex_init(&config->mu, NULL);
  config->envoy = envoy;
  config->refs = 1;
  config->filter = kmGoConfigNew(config, name, raw);
  if (config->filter == 0) {
    km_config_unref(config);
    return NULL;
  }
  publish(config);  // what has been counted by now
  void* scheduler = CALLBACK(config_scheduler_new)(envoy);
  pthread_mutex_lock(&config->mu);
  config->scheduler = scheduler;
  pthread_mutex_unlock(&config->mu);
  CALLBACK(config_scheduler_commit)(scheduler, for_service);
  return config;
}

// Envoy's main loop runs: the configuration is to be served, and not only looked at, as with --mode validate. Or it is to be published,
// which happens here because only here Envoy can be told without a connection.
void envoy_dynamic_module_on_network_filter_config_scheduled(const void* p, uint64_t id) {
  km_config* config = (km_config*)p;
  if (id == for_service) {
    kmGoConfigServed(config->filter);
    return;
  }
  pthread_mutex_lock(&config->mu);
  config->asked = false;
  pthread_mutex_unlock(&config->mu);
  km_metrics_assert(&config->metrics);
  publish(config);
}

// A commit only posts to the main thread: unlike a connection's, it keeps nothing alive, and so nothing ends inside of it. That it comes
// before the scheduler's end is what the mutex is for.
bool km_config_tick(km_config* config) {
  if (km_by_config() == NULL) {
    return false;
  }
  pthread_mutex_lock(&config->mu);
  bool alive = config->scheduler != NULL;
  if (alive && !config->asked) {
    config->asked = true;
    CALLBACK(config_scheduler_commit)(config->scheduler, for_publication);
  }
  pthread_mutex_unlock(&config->mu);
  return alive;
}

// Called after the last connection's filter is destroyed: each of those holds Envoy's side of the configuration. It may be on any
// thread. Go's filter closes in a goroutine, because that may take seconds, and drops Go's reference then.
void envoy_dynamic_module_on_network_filter_config_destroy(const void* p) {
  km_config* config = (km_config*)p;
  const km_teller* by = km_by_config();
  if (by != NULL) {
    km_metrics_settle(&config->metrics, config->envoy, by);
  }
  pthread_mutex_lock(&config->mu);
  void* scheduler = config->scheduler;
  config->scheduler = NULL;
  pthread_mutex_unlock(&config->mu);
  CALLBACK(config_scheduler_delete)(scheduler);
  config->envoy = NULL;
  kmGoConfigDestroy(config->filter);
  km_config_unref(config);
}

void km_config_ref(km_config* config) { __atomic_add_fetch(&config->refs, 1, __ATOMIC_RELAXED); }

void km_config_unref(km_config* config) {
  if (__atomic_sub_fetch(&config->refs, 1, __ATOMIC_ACQ_REL) > 0) {
    return;
  }
  km_metrics_free(&config->metrics);
  pthread_mutex_destroy(&config->mu);
  free(config);
}
