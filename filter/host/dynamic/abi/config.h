// One configuration: what Envoy calls DynamicModuleNetworkFilterConfig.
#pragma once

#include <pthread.h>

#include "metrics.h"

// km_config lives until its last reference is gone: Envoy holds one, Go holds one, and so does each km_conn. Envoy's
// goes first, in config_destroy, while goroutines may still count what they finish.
typedef struct km_config {
  void* envoy;       // main thread, and only until config_destroy
  uintptr_t filter;  // the handle Go gave
  int refs;          // atomic
  km_metrics metrics;

  pthread_mutex_t mu;  // guards what follows
  void* scheduler;     // Envoy's; NULL after config_destroy
  bool asked;          // for a config_scheduled, to publish in
} km_config;

// Called by Go.

void km_config_ref(km_config* config);
void km_config_unref(km_config* config);
// km_config_tick, on any thread, has what was counted published on the main thread, with clients or without. It says whether it may be
// called again: not if Envoy lets nobody publish there, nor after config_destroy.
bool km_config_tick(km_config* config);
