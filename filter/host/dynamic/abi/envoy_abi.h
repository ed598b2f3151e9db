// The part of Envoy's dynamic modules ABI that Kafka mesh uses, copied from
//
//   envoy/source/extensions/dynamic_modules/abi/abi.h
//
// at f1dd21b16c24 (2026-04-23), because #cgo CFLAGS cannot name a folder in the module cache. TestDeclarations compiles
// this file together with that one and compares every type and value, so that a difference is found by the tests and
// not by a crash. Envoy's file says what each declaration means; comments here only say what cost us time.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Newer Envoys only warn about it: v0.1.0 was run on 1.38.3, 1.39.3 and 1.40.0 (whose own is v0.2.0).
#define KM_ABI_VERSION "v0.1.0"

#ifndef KM_TYPES_FROM_ENVOY // set by TestDeclarations, which takes these from Envoy's own header

typedef struct envoy_dynamic_module_type_envoy_buffer {
  const char* ptr;
  size_t length;
} envoy_dynamic_module_type_envoy_buffer;

typedef struct envoy_dynamic_module_type_module_buffer {
  const char* ptr;
  size_t length;
} envoy_dynamic_module_type_module_buffer;

typedef enum envoy_dynamic_module_type_log_level {
  envoy_dynamic_module_type_log_level_Trace,
  envoy_dynamic_module_type_log_level_Debug,
  envoy_dynamic_module_type_log_level_Info,
  envoy_dynamic_module_type_log_level_Warn,
  envoy_dynamic_module_type_log_level_Error,
} envoy_dynamic_module_type_log_level;

typedef enum envoy_dynamic_module_type_metrics_result {
  envoy_dynamic_module_type_metrics_result_Success,
  envoy_dynamic_module_type_metrics_result_MetricNotFound,
  envoy_dynamic_module_type_metrics_result_InvalidLabels,
  envoy_dynamic_module_type_metrics_result_Frozen,
} envoy_dynamic_module_type_metrics_result;

typedef enum envoy_dynamic_module_type_on_network_filter_data_status {
  envoy_dynamic_module_type_on_network_filter_data_status_Continue,
  envoy_dynamic_module_type_on_network_filter_data_status_StopIteration,
} envoy_dynamic_module_type_on_network_filter_data_status;

typedef enum envoy_dynamic_module_type_network_connection_close_type {
  envoy_dynamic_module_type_network_connection_close_type_FlushWrite,
  envoy_dynamic_module_type_network_connection_close_type_NoFlush,
} envoy_dynamic_module_type_network_connection_close_type;

typedef enum envoy_dynamic_module_type_network_connection_event {
  envoy_dynamic_module_type_network_connection_event_RemoteClose,
  envoy_dynamic_module_type_network_connection_event_LocalClose,
  envoy_dynamic_module_type_network_connection_event_Connected,
  envoy_dynamic_module_type_network_connection_event_ConnectedZeroRtt,
} envoy_dynamic_module_type_network_connection_event;

typedef enum envoy_dynamic_module_type_network_read_disable_status {
  envoy_dynamic_module_type_network_read_disable_status_NoTransition,
  envoy_dynamic_module_type_network_read_disable_status_StillReadDisabled,
  envoy_dynamic_module_type_network_read_disable_status_TransitionedToReadEnabled,
  envoy_dynamic_module_type_network_read_disable_status_TransitionedToReadDisabled,
} envoy_dynamic_module_type_network_read_disable_status;

typedef void (*envoy_dynamic_module_type_event_cb)(void* context);

// Of a hook that Envoy looks for and, of us, never calls.
typedef enum envoy_dynamic_module_type_http_callout_result {
  envoy_dynamic_module_type_http_callout_result_Success,
} envoy_dynamic_module_type_http_callout_result;
typedef struct envoy_dynamic_module_type_envoy_http_header envoy_dynamic_module_type_envoy_http_header;

#endif

// Hooks: we define them, Envoy calls them. "envoy" is Envoy's pointer, "filter" and "config" are ours.

const char* envoy_dynamic_module_on_program_init(void);
const void* envoy_dynamic_module_on_network_filter_config_new(
    void* envoy, envoy_dynamic_module_type_envoy_buffer name,
    envoy_dynamic_module_type_envoy_buffer config);
void envoy_dynamic_module_on_network_filter_config_destroy(const void* config);
void envoy_dynamic_module_on_network_filter_config_scheduled(const void* config, uint64_t id);
const void* envoy_dynamic_module_on_network_filter_new(const void* config, void* envoy);
envoy_dynamic_module_type_on_network_filter_data_status
envoy_dynamic_module_on_network_filter_new_connection(void* envoy, const void* filter);
envoy_dynamic_module_type_on_network_filter_data_status
envoy_dynamic_module_on_network_filter_read(void* envoy, const void* filter, size_t length,
                                            bool end_stream);
envoy_dynamic_module_type_on_network_filter_data_status
envoy_dynamic_module_on_network_filter_write(void* envoy, const void* filter, size_t length,
                                             bool end_stream);
void envoy_dynamic_module_on_network_filter_event(
    void* envoy, const void* filter, envoy_dynamic_module_type_network_connection_event event);
void envoy_dynamic_module_on_network_filter_scheduled(void* envoy, const void* filter, uint64_t id);
void envoy_dynamic_module_on_network_filter_above_write_buffer_high_watermark(void* envoy,
                                                                              const void* filter);
void envoy_dynamic_module_on_network_filter_below_write_buffer_low_watermark(void* envoy,
                                                                             const void* filter);
void envoy_dynamic_module_on_network_filter_destroy(const void* filter);

// Hooks of the bootstrap extension, all on the main thread but for worker_thread_initialized.

const void* envoy_dynamic_module_on_bootstrap_extension_config_new(
    void* envoy, envoy_dynamic_module_type_envoy_buffer name,
    envoy_dynamic_module_type_envoy_buffer config);
void envoy_dynamic_module_on_bootstrap_extension_config_destroy(const void* config);
const void* envoy_dynamic_module_on_bootstrap_extension_new(const void* config, void* envoy);
void envoy_dynamic_module_on_bootstrap_extension_server_initialized(void* envoy,
                                                                    const void* extension);
void envoy_dynamic_module_on_bootstrap_extension_worker_thread_initialized(void* envoy,
                                                                           const void* extension);
void envoy_dynamic_module_on_bootstrap_extension_drain_started(void* envoy, const void* extension);
void envoy_dynamic_module_on_bootstrap_extension_shutdown(
    void* envoy, const void* extension, envoy_dynamic_module_type_event_cb done, void* context);
void envoy_dynamic_module_on_bootstrap_extension_destroy(const void* extension);
void envoy_dynamic_module_on_bootstrap_extension_config_scheduled(void* envoy, const void* config,
                                                                  uint64_t id);
void envoy_dynamic_module_on_bootstrap_extension_listener_add_or_update(
    void* envoy, const void* config, envoy_dynamic_module_type_envoy_buffer name);
void envoy_dynamic_module_on_bootstrap_extension_listener_removal(
    void* envoy, const void* config, envoy_dynamic_module_type_envoy_buffer name);
uint32_t envoy_dynamic_module_on_bootstrap_extension_admin_request(
    void* envoy, const void* config, envoy_dynamic_module_type_envoy_buffer method,
    envoy_dynamic_module_type_envoy_buffer path, envoy_dynamic_module_type_envoy_buffer body);

// Envoy asks for these too, and refuses a module that lacks one; it calls none without being asked to.

void envoy_dynamic_module_on_bootstrap_extension_http_callout_done(
    void* envoy, const void* config, uint64_t id,
    envoy_dynamic_module_type_http_callout_result result,
    envoy_dynamic_module_type_envoy_http_header* headers, size_t headers_size,
    envoy_dynamic_module_type_envoy_buffer* chunks, size_t chunks_size);
void envoy_dynamic_module_on_bootstrap_extension_timer_fired(void* envoy, const void* config,
                                                             void* timer);
void envoy_dynamic_module_on_bootstrap_extension_file_changed(
    void* envoy, const void* config, envoy_dynamic_module_type_envoy_buffer path, uint32_t events);
void envoy_dynamic_module_on_bootstrap_extension_cluster_add_or_update(
    void* envoy, const void* config, envoy_dynamic_module_type_envoy_buffer name);
void envoy_dynamic_module_on_bootstrap_extension_cluster_removal(
    void* envoy, const void* config, envoy_dynamic_module_type_envoy_buffer name);

// Callbacks for any thread.

void envoy_dynamic_module_callback_log(envoy_dynamic_module_type_log_level level,
                                       envoy_dynamic_module_type_module_buffer message);
bool envoy_dynamic_module_callback_log_enabled(envoy_dynamic_module_type_log_level level);
void envoy_dynamic_module_callback_network_filter_scheduler_commit(void* scheduler, uint64_t id);
void envoy_dynamic_module_callback_network_filter_scheduler_delete(void* scheduler);
void envoy_dynamic_module_callback_bootstrap_extension_config_scheduler_commit(void* scheduler,
                                                                               uint64_t id);

// Callbacks for config_new only.

envoy_dynamic_module_type_metrics_result
envoy_dynamic_module_callback_network_filter_config_define_counter(
    void* envoy, envoy_dynamic_module_type_module_buffer name, size_t* id);
envoy_dynamic_module_type_metrics_result
envoy_dynamic_module_callback_network_filter_config_define_gauge(
    void* envoy, envoy_dynamic_module_type_module_buffer name, size_t* id);
envoy_dynamic_module_type_metrics_result
envoy_dynamic_module_callback_network_filter_config_define_histogram(
    void* envoy, envoy_dynamic_module_type_module_buffer name, size_t* id);

// Callbacks for the main thread only.

void* envoy_dynamic_module_callback_network_filter_config_scheduler_new(void* envoy);
void envoy_dynamic_module_callback_network_filter_config_scheduler_commit(void* scheduler,
                                                                          uint64_t id);
void envoy_dynamic_module_callback_network_filter_config_scheduler_delete(void* scheduler);
void* envoy_dynamic_module_callback_bootstrap_extension_config_scheduler_new(void* envoy);
void envoy_dynamic_module_callback_bootstrap_extension_config_scheduler_delete(void* scheduler);
void envoy_dynamic_module_callback_bootstrap_extension_config_signal_init_complete(void* envoy);
bool envoy_dynamic_module_callback_bootstrap_extension_enable_listener_lifecycle(void* envoy);
bool envoy_dynamic_module_callback_bootstrap_extension_register_admin_handler(
    void* envoy, envoy_dynamic_module_type_module_buffer path_prefix,
    envoy_dynamic_module_type_module_buffer help_text, bool removable, bool mutates_server_state);
bool envoy_dynamic_module_callback_bootstrap_extension_remove_admin_handler(
    void* envoy, envoy_dynamic_module_type_module_buffer path_prefix);
void envoy_dynamic_module_callback_bootstrap_extension_admin_set_response(
    void* envoy, envoy_dynamic_module_type_module_buffer response_body);

// Callbacks for the worker thread of the connection only.

void* envoy_dynamic_module_callback_network_filter_scheduler_new(void* envoy);
size_t envoy_dynamic_module_callback_network_filter_get_read_buffer_chunks_size(void* envoy);
bool envoy_dynamic_module_callback_network_filter_get_read_buffer_chunks(
    void* envoy, envoy_dynamic_module_type_envoy_buffer* chunks);
bool envoy_dynamic_module_callback_network_filter_drain_read_buffer(void* envoy, size_t length);
void envoy_dynamic_module_callback_network_filter_write(void* envoy,
                                                        envoy_dynamic_module_type_module_buffer data,
                                                        bool end_stream);
void envoy_dynamic_module_callback_network_filter_close(
    void* envoy, envoy_dynamic_module_type_network_connection_close_type type);
envoy_dynamic_module_type_network_read_disable_status
envoy_dynamic_module_callback_network_filter_read_disable(void* envoy, bool disable);
void envoy_dynamic_module_callback_network_filter_enable_half_close(void* envoy, bool enabled);
uint32_t envoy_dynamic_module_callback_network_filter_get_worker_index(void* envoy);
bool envoy_dynamic_module_callback_network_filter_get_remote_address(
    void* envoy, envoy_dynamic_module_type_envoy_buffer* address, uint32_t* port);
bool envoy_dynamic_module_callback_network_filter_get_local_address(
    void* envoy, envoy_dynamic_module_type_envoy_buffer* address, uint32_t* port);
bool envoy_dynamic_module_callback_network_filter_is_ssl(void* envoy);
size_t envoy_dynamic_module_callback_network_filter_get_ssl_uri_sans_size(void* envoy);
bool envoy_dynamic_module_callback_network_filter_get_ssl_uri_sans(
    void* envoy, envoy_dynamic_module_type_envoy_buffer* names);
size_t envoy_dynamic_module_callback_network_filter_get_ssl_dns_sans_size(void* envoy);
bool envoy_dynamic_module_callback_network_filter_get_ssl_dns_sans(
    void* envoy, envoy_dynamic_module_type_envoy_buffer* names);
bool envoy_dynamic_module_callback_network_filter_get_ssl_subject(
    void* envoy, envoy_dynamic_module_type_envoy_buffer* subject);
bool envoy_dynamic_module_callback_network_filter_get_requested_server_name(
    void* envoy, envoy_dynamic_module_type_envoy_buffer* name);
bool envoy_dynamic_module_callback_network_set_filter_state_bytes(
    void* envoy, envoy_dynamic_module_type_module_buffer key,
    envoy_dynamic_module_type_module_buffer value);
void envoy_dynamic_module_callback_network_set_dynamic_metadata_string(
    void* envoy, envoy_dynamic_module_type_module_buffer space,
    envoy_dynamic_module_type_module_buffer key, envoy_dynamic_module_type_module_buffer value);
void envoy_dynamic_module_callback_network_set_dynamic_metadata_number(
    void* envoy, envoy_dynamic_module_type_module_buffer space,
    envoy_dynamic_module_type_module_buffer key, double value);
envoy_dynamic_module_type_metrics_result
envoy_dynamic_module_callback_network_filter_increment_counter(void* envoy, size_t id,
                                                               uint64_t value);
envoy_dynamic_module_type_metrics_result
envoy_dynamic_module_callback_network_filter_increment_gauge(void* envoy, size_t id,
                                                             uint64_t value);
envoy_dynamic_module_type_metrics_result
envoy_dynamic_module_callback_network_filter_decrement_gauge(void* envoy, size_t id,
                                                             uint64_t value);
envoy_dynamic_module_type_metrics_result
envoy_dynamic_module_callback_network_filter_set_gauge(void* envoy, size_t id, uint64_t value);
envoy_dynamic_module_type_metrics_result
envoy_dynamic_module_callback_network_filter_record_histogram_value(void* envoy, size_t id,
                                                                    uint64_t value);

// Callbacks that came with Envoy 1.39, after that abi.h: weak, so that 1.38 loads the module, and NULL there. Their
// shape, (config, id, value) like those of the filter, was read from the machine code of 1.39.3, and ran on 1.40.0. On the
// main thread; but for the histogram's, which has a memory for each thread of Envoy's, any other does.

__attribute__((weak)) envoy_dynamic_module_type_metrics_result
envoy_dynamic_module_callback_network_filter_config_increment_counter(void* envoy, size_t id,
                                                                      uint64_t value);
__attribute__((weak)) envoy_dynamic_module_type_metrics_result
envoy_dynamic_module_callback_network_filter_config_increment_gauge(void* envoy, size_t id,
                                                                    uint64_t value);
__attribute__((weak)) envoy_dynamic_module_type_metrics_result
envoy_dynamic_module_callback_network_filter_config_decrement_gauge(void* envoy, size_t id,
                                                                    uint64_t value);
__attribute__((weak)) envoy_dynamic_module_type_metrics_result
envoy_dynamic_module_callback_network_filter_config_set_gauge(void* envoy, size_t id, uint64_t value);
__attribute__((weak)) envoy_dynamic_module_type_metrics_result
envoy_dynamic_module_callback_network_filter_config_record_histogram_value(void* envoy, size_t id,
                                                                           uint64_t value);
