// What Envoy, as it is played in envoy.c, and its connections have in common.
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "_cgo_export.h"

#define CALLBACK(name) envoy_dynamic_module_callback_network_filter_##name
#define HOOK(name) envoy_dynamic_module_on_network_filter_##name
#define CHECK(condition)                                                       \
  if (!(condition)) {                                                          \
    fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);  \
    exit(1);                                                                   \
  }

typedef struct filter {  // Envoy's
  const void* ours;
  km_conn* conn;
  int refs;                 // guarded by mu; 0: the weak pointer is dead
  int posted[3];            // guarded by mu: on_scheduled calls to come, by what they are for
  bool freed;               // the worker's: the connection is gone
  bool paused;              // the worker's
  int rounds;               // the worker's: how long it lives
  atomic_bool stop;         // its writers
  atomic_int live_writers;
} filter;

extern pthread_mutex_t mu;
extern pthread_t worker;
extern atomic_int destroyed, destroyed_off_worker, scheduler_count;
extern atomic_int config_posted;    // config_scheduled calls to come, to publish in
extern atomic_long counter, gauge;  // what was published

// lock_weak takes a reference, unless the filter is gone.
bool lock_weak(filter* f);
// drop gives one back; the last one destroys the filter.
void drop(filter* f);
