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

// Called by Go, on the main thread. The first has requests to a path of Envoy's admin interface answered by us, unless there is none, or
// the path is taken; the second has them no longer; the third is the answer to such a request, before kmGoAdminRequest returns.
bool km_bootstrap_admin(km_bootstrap* bootstrap, const char* path, size_t length, const char* help, size_t help_length);
void km_bootstrap_no_admin(km_bootstrap* bootstrap, const char* path, size_t length);
void km_bootstrap_answer(km_bootstrap* bootstrap, const char* text, size_t length);
