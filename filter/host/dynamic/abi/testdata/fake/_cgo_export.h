// Stands in for the header that cgo writes: here the Go side is played by fake.c.
#pragma once

#include "conn.h"

uintptr_t kmGoConfigNew(km_config* config, envoy_dynamic_module_type_envoy_buffer name,
                        envoy_dynamic_module_type_envoy_buffer raw);
void kmGoConfigServed(uintptr_t filter);
void kmGoConfigDestroy(uintptr_t filter);
bool kmGoConnected(uintptr_t filter, km_conn* conn, km_peer* peer, uintptr_t* session);
bool kmGoData(uintptr_t session, envoy_dynamic_module_type_envoy_buffer* chunks, size_t count, bool end);
bool kmGoCertified(uintptr_t session, km_certificate* certificate);
bool kmGoCongested(uintptr_t session, bool above);
void kmGoSent(uintptr_t session, uint64_t write);
void kmGoHungUp(uintptr_t s);
void kmGoClosed(uintptr_t session, bool on_worker);
bool kmGoIterate(uint32_t worker);
void kmGoAlone(uint32_t worker);
