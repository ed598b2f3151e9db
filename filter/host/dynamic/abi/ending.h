// What Envoy's access log of connections is told of one that ends.
#pragma once

#include "conn.h"

// Called by Go, in kmGoClosed on the connection's worker: Envoy writes the listener's access log after the close event. Envoy copies all.
void km_conn_tell_text(km_conn* conn, const char* key, size_t key_length, const char* value, size_t length);
void km_conn_tell_number(km_conn* conn, const char* key, size_t key_length, int64_t value);
void km_conn_tell_state(km_conn* conn, const char* key, size_t key_length, const char* value, size_t length);
