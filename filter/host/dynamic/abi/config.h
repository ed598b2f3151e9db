// One configuration: what Envoy calls DynamicModuleNetworkFilterConfig.
#pragma once

#include "envoy_abi.h"

typedef enum km_kind { km_counter, km_gauge, km_histogram } km_kind;

// km_metric is the metric that a number belongs to. Those of a histogram count how often its sample has come.
typedef struct km_metric {
  size_t id;  // Envoy's
  km_kind kind;
  int64_t sample;  // negative: nothing is recorded
} km_metric;

// km_config lives until its last reference is gone: Envoy holds one, Go holds one, and so does each km_conn. Envoy's
// goes first, in config_destroy, while goroutines may still count what they finish.
typedef struct km_config {
  void* envoy;       // main thread, and only until config_destroy
  void* scheduler;   // Envoy's, with the same life
  uintptr_t filter;  // the handle Go gave
  int refs;          // atomic

  size_t count;
  km_metric* metrics;
  // Totals of what was counted; count of them. Goroutines add, workers read: atomic.
  int64_t* numbers;
  // Who adds sets bit i % 64 of marks[i / 64] afterwards; workers take the mark away first: atomic.
  uint64_t* marks;

  int publishers;      // atomic: workers that want to publish; see km_config_publish
  int64_t* published;  // what Envoy was told of each number; the one publisher's
} km_config;

// Called by Go.

// km_config_reserve makes room for count numbers. Once, in config_new.
void km_config_reserve(km_config* config, size_t count);
// km_config_define defines the metric of some numbers, from i on; in config_new, for Envoy freezes the metrics after it.
envoy_dynamic_module_type_metrics_result km_config_define(km_config* config, size_t i, size_t numbers, km_kind kind,
                                                          const char* name, size_t length);
// km_config_sample says what number i of a histogram stands for.
void km_config_sample(km_config* config, size_t i, int64_t sample);
void km_config_ref(km_config* config);
void km_config_unref(km_config* config);

// Called by worker.c.

// km_config_publish hands Envoy what was counted since the last time. On a worker, inside a hook, whose envoy it is.
void km_config_publish(km_config* config, void* envoy);
