// What a configuration counts, and what Envoy has been told of it.
#pragma once

#include "envoy_abi.h"

typedef enum km_kind {
  km_counter,
  km_gauge,
  km_level,  // a gauge that is set: what several configurations with one name for it say does not add up, the last one counts
  km_histogram,
} km_kind;

// km_metric is the metric that a number belongs to. Those of a histogram count how often its sample has come.
typedef struct km_metric {
  size_t id;  // Envoy's
  km_kind kind;
  int64_t sample;  // negative: nothing is recorded
} km_metric;

typedef struct km_metrics {
  size_t count;
  km_metric* of;
  // Totals of what was counted; count of them. Goroutines add, who publishes reads: atomic.
  int64_t* numbers;
  // Who adds to number i sets bit i % 64 of marks[i / 64] afterwards; who publishes takes the mark away first: atomic. So that nobody has
  // to look at all marks, who sets the first one of word w sets bit w % 64 of groups[w / 64] after that.
  uint64_t *marks, *groups;

  int publishers;      // atomic: who wants to publish
  int64_t* published;  // what Envoy was told of each number; the one publisher's
} km_metrics;

typedef envoy_dynamic_module_type_metrics_result (*km_tell)(void* envoy, size_t id, uint64_t value);

// km_teller is how Envoy is told, through a connection's filter on its worker, or through the configuration on the main thread.
typedef struct km_teller {
  km_tell count, raise, lower, set, record;
} km_teller;

extern const km_teller km_by_filter;
// NULL where Envoy cannot be told so, which is 1.38.
const km_teller* km_by_config(void);

// km_metrics_reserve makes room for count numbers. Once.
void km_metrics_reserve(km_metrics* m, size_t count);
void km_metrics_free(km_metrics* m);
// km_metrics_define defines the metric of some numbers, from i on; in config_new, for Envoy freezes the metrics after it.
envoy_dynamic_module_type_metrics_result km_metrics_define(km_metrics* m, void* envoy, size_t i, size_t numbers,
                                                           km_kind kind, const char* name, size_t length);
// km_metrics_marked says whether there is anything to publish.
bool km_metrics_marked(const km_metrics* m);
// km_metrics_publish tells Envoy what was counted since the last time.
void km_metrics_publish(km_metrics* m, void* envoy, const km_teller* by);
// km_metrics_assert has Envoy told of all levels with the next publication.
void km_metrics_assert(km_metrics* m);
// km_metrics_settle takes back what Envoy was told of gauges. Nobody publishes any more, but goroutines may still count. It may be on
// any thread, and records nothing: histograms have a memory for each of Envoy's threads.
void km_metrics_settle(km_metrics* m, void* envoy, const km_teller* by);
