#include "ending.h"

#define CALLBACK(name) envoy_dynamic_module_callback_network_set_##name

// The namespace of our metadata, whatever that of the metrics is: access logs of several listeners then are the same.
static const envoy_dynamic_module_type_module_buffer ours = {"kafkamesh", sizeof "kafkamesh" - 1};

void km_conn_tell_text(km_conn* conn, const char* key, size_t key_length, const char* value, size_t length) {
  envoy_dynamic_module_type_module_buffer name = {key, key_length}, text = {value, length};
  CALLBACK(dynamic_metadata_string)(conn->envoy, ours, name, text);
}

void km_conn_tell_number(km_conn* conn, const char* key, size_t key_length, int64_t value) {
  envoy_dynamic_module_type_module_buffer name = {key, key_length};
  CALLBACK(dynamic_metadata_number)(conn->envoy, ours, name, (double)value);
}

void km_conn_tell_state(km_conn* conn, const char* key, size_t key_length, const char* value, size_t length) {
  envoy_dynamic_module_type_module_buffer name = {key, key_length}, bytes = {value, length};
  CALLBACK(filter_state_bytes)(conn->envoy, name, bytes);
}
