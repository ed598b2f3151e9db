// Envoy's bootstrap extension: it alone is told that Envoy drains, ends, or has another version of a listener.
#pragma once

#include "envoy_abi.h"

// km_bootstrap is both the extension's configuration and the extension: there is one of it in a process.
typedef struct km_bootstrap {
  void* envoy;      // the configuration's
  void* scheduler;  // the way back to the main thread
  envoy_dynamic_module_type_event_cb done;
  void* context;
} km_bootstrap;

// Called by Go, on any thread: Envoy may end now. Once for each kmGoShutdown.
void km_bootstrap_done(km_bootstrap* bootstrap);
