#include "bootstrap.h"

#include <stdlib.h>

#include "_cgo_export.h"
#include "memory.h"

#define CALLBACK(name) envoy_dynamic_module_callback_bootstrap_extension_##name
#define HOOK(name) envoy_dynamic_module_on_bootstrap_extension_##name

const void* HOOK(config_new)(void* envoy, envoy_dynamic_module_type_envoy_buffer name,
                             envoy_dynamic_module_type_envoy_buffer config) {
  (void)name, (void)config;  // there is nothing to configure
  km_bootstrap* bootstrap = km_alloc(1, sizeof *bootstrap);
  bootstrap->envoy = envoy;
  bootstrap->scheduler = CALLBACK(config_scheduler_new)(envoy);
  CALLBACK(config_signal_init_complete)(envoy);  // Envoy listens only after it
  return bootstrap;
}

void HOOK(config_destroy)(const void* p) {
  km_bootstrap* bootstrap = (km_bootstrap*)p;
  CALLBACK(config_scheduler_delete)(bootstrap->scheduler);
  free(bootstrap);
}

const void* HOOK(new)(const void* p, void* envoy) {
  (void)envoy;
  return p;
}

void HOOK(destroy)(const void* p) { (void)p; }

// Listeners are known from here on; those of the bootstrap are made before or after, which does not matter, because
// nothing can update them.
void HOOK(server_initialized)(void* envoy, const void* p) {
  (void)envoy;
  km_bootstrap* bootstrap = (km_bootstrap*)p;
  CALLBACK(enable_listener_lifecycle)(bootstrap->envoy);
  kmGoAdminPaths(bootstrap);
}

bool km_bootstrap_admin(km_bootstrap* bootstrap, const char* path, size_t length, const char* help, size_t help_length) {
  envoy_dynamic_module_type_module_buffer prefix = {path, length}, text = {help, help_length};
  return CALLBACK(register_admin_handler)(bootstrap->envoy, prefix, text, true, false);
}

void km_bootstrap_no_admin(km_bootstrap* bootstrap, const char* path, size_t length) {
  envoy_dynamic_module_type_module_buffer prefix = {path, length};
  CALLBACK(remove_admin_handler)(bootstrap->envoy, prefix);
}

uint32_t HOOK(admin_request)(void* envoy, const void* p, envoy_dynamic_module_type_envoy_buffer method,
                             envoy_dynamic_module_type_envoy_buffer path, envoy_dynamic_module_type_envoy_buffer body) {
  (void)envoy, (void)body;
  return kmGoAdminRequest((km_bootstrap*)p, method, path);
}

void km_bootstrap_answer(km_bootstrap* bootstrap, const char* text, size_t length) {
  envoy_dynamic_module_type_module_buffer answer = {text, length};
  CALLBACK(admin_set_response)(bootstrap->envoy, answer);
}

void HOOK(worker_thread_initialized)(void* envoy, const void* p) { (void)envoy, (void)p; }

void HOOK(drain_started)(void* envoy, const void* p) {
  (void)envoy, (void)p;
  kmGoDrain();
}

void HOOK(shutdown)(void* envoy, const void* p, envoy_dynamic_module_type_event_cb done, void* context) {
  (void)envoy;
  km_bootstrap* bootstrap = (km_bootstrap*)p;
  bootstrap->done = done;
  bootstrap->context = context;
  kmGoShutdown(bootstrap);
}

// Envoy wants to be told on its main thread. Paths of its admin interface that are still ours when it ends it may free twice, and abort: in
// 13 of 16 runs of Envoy 1.40.0 with stats_flush_on_admin and requests in flight, in some of 1.38.3.
void km_bootstrap_done(km_bootstrap* bootstrap) { CALLBACK(config_scheduler_commit)(bootstrap->scheduler, 0); }

void HOOK(config_scheduled)(void* envoy, const void* p, uint64_t id) {
  (void)envoy, (void)id;
  km_bootstrap* bootstrap = (km_bootstrap*)p;
  kmGoAdminEnds(bootstrap);
  bootstrap->done(bootstrap->context);
}

void HOOK(listener_add_or_update)(void* envoy, const void* p, envoy_dynamic_module_type_envoy_buffer name) {
  (void)envoy, (void)p;
  kmGoListener(name, false);
}

void HOOK(listener_removal)(void* envoy, const void* p, envoy_dynamic_module_type_envoy_buffer name) {
  (void)envoy, (void)p;
  kmGoListener(name, true);
}

// What follows is never called: we ask for none of it.

void HOOK(http_callout_done)(void* envoy, const void* p, uint64_t id,
                             envoy_dynamic_module_type_http_callout_result result,
                             envoy_dynamic_module_type_envoy_http_header* headers, size_t headers_size,
                             envoy_dynamic_module_type_envoy_buffer* chunks, size_t chunks_size) {
  (void)envoy, (void)p, (void)id, (void)result, (void)headers, (void)headers_size, (void)chunks, (void)chunks_size;
}

void HOOK(timer_fired)(void* envoy, const void* p, void* timer) { (void)envoy, (void)p, (void)timer; }

void HOOK(file_changed)(void* envoy, const void* p, envoy_dynamic_module_type_envoy_buffer path, uint32_t events) {
  (void)envoy, (void)p, (void)path, (void)events;
}

void HOOK(cluster_add_or_update)(void* envoy, const void* p, envoy_dynamic_module_type_envoy_buffer name) {
  (void)envoy, (void)p, (void)name;
}

void HOOK(cluster_removal)(void* envoy, const void* p, envoy_dynamic_module_type_envoy_buffer name) {
  (void)envoy, (void)p, (void)name;
}
