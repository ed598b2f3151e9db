#include "config.h"

#include "_cgo_export.h"
#include "memory.h"

enum { mark_bits = 64 };

#define CALLBACK(name) envoy_dynamic_module_callback_network_filter_##name

// What has been counted by now would else be seen only when a client comes. Nobody else counts or publishes yet.
static void introduce(km_config* config) {
  if (!CALLBACK(config_increment_gauge)) {
    return;  // Envoy 1.38
  }
  for (size_t i = 0; i < config->count; i++) {
    if (config->metrics[i].kind == km_gauge && config->numbers[i] > 0) {
      config->published[i] = __atomic_load_n(&config->numbers[i], __ATOMIC_ACQUIRE);
      CALLBACK(config_increment_gauge)(config->envoy, config->metrics[i].id, (uint64_t)config->published[i]);
    }
  }
}

// A panic or a mistake in the configuration gives NULL: Envoy then refuses the listener. Envoy has no way to take the
// reason; Go has logged it.
const void* envoy_dynamic_module_on_network_filter_config_new(void* envoy, envoy_dynamic_module_type_envoy_buffer name,
                                                              envoy_dynamic_module_type_envoy_buffer raw) {
  km_config* config = km_alloc(1, sizeof *config);
  config->envoy = envoy;
  config->refs = 1;
  config->filter = kmGoConfigNew(config, name, raw);
  if (config->filter == 0) {
    km_config_unref(config);
    return NULL;
  }
  introduce(config);
  config->scheduler = CALLBACK(config_scheduler_new)(envoy);
  CALLBACK(config_scheduler_commit)(config->scheduler, 0);
  return config;
}

// Envoy's main loop runs: the configuration is to be served, and not only looked at, as with --mode validate.
void envoy_dynamic_module_on_network_filter_config_scheduled(const void* p, uint64_t id) {
  (void)id;
  kmGoConfigServed(((const km_config*)p)->filter);
}

// What is left on the gauges would stay in /stats for ever, since nobody publishes for this configuration any more.
static void settle(km_config* config) {
  if (!CALLBACK(config_increment_counter) || !CALLBACK(config_decrement_gauge)) {
    return;  // Envoy 1.38
  }
  for (size_t i = 0; i < config->count; i++) {
    int64_t left = __atomic_load_n(&config->numbers[i], __ATOMIC_ACQUIRE) - config->published[i];
    if (config->metrics[i].kind == km_counter && left > 0) {
      CALLBACK(config_increment_counter)(config->envoy, config->metrics[i].id, (uint64_t)left);
    }
    if (config->metrics[i].kind == km_gauge && config->published[i] > 0) {
      CALLBACK(config_decrement_gauge)
      (config->envoy, config->metrics[i].id, (uint64_t)config->published[i]);
    }
  }
}

// Called on the main thread after the last connection's filter is destroyed: each of those holds Envoy's side of the
// configuration. Go's filter closes in a goroutine, because that may take seconds, and drops Go's reference then.
void envoy_dynamic_module_on_network_filter_config_destroy(const void* p) {
  km_config* config = (km_config*)p;
  settle(config);
  CALLBACK(config_scheduler_delete)(config->scheduler);
  config->envoy = NULL;
  kmGoConfigDestroy(config->filter);
  km_config_unref(config);
}

static size_t mark_words(size_t count) { return (count + mark_bits - 1) / mark_bits; }

void km_config_reserve(km_config* config, size_t count) {
  config->metrics = km_alloc(count, sizeof *config->metrics);
  config->numbers = km_alloc(count, sizeof *config->numbers);
  config->marks = km_alloc(mark_words(count), sizeof *config->marks);
  config->published = km_alloc(count, sizeof *config->published);
  config->count = count;
}

envoy_dynamic_module_type_metrics_result km_config_define(km_config* config, size_t i, size_t numbers, km_kind kind,
                                                          const char* name, size_t length) {
  envoy_dynamic_module_type_module_buffer text = {name, length};
  envoy_dynamic_module_type_metrics_result result = envoy_dynamic_module_type_metrics_result_Success;
  km_metric metric = {0, kind, 0};
  switch (kind) {
    case km_counter:
      result = CALLBACK(config_define_counter)(config->envoy, text, &metric.id);
      break;
    case km_gauge:
      result = CALLBACK(config_define_gauge)(config->envoy, text, &metric.id);
      break;
    case km_histogram:
      result = CALLBACK(config_define_histogram)(config->envoy, text, &metric.id);
      break;
  }
  for (size_t n = 0; n < numbers; n++) {
    config->metrics[i + n] = metric;
  }
  return result;
}

void km_config_sample(km_config* config, size_t i, int64_t sample) { config->metrics[i].sample = sample; }

void km_config_ref(km_config* config) { __atomic_add_fetch(&config->refs, 1, __ATOMIC_RELAXED); }

void km_config_unref(km_config* config) {
  if (__atomic_sub_fetch(&config->refs, 1, __ATOMIC_ACQ_REL) > 0) {
    return;
  }
  free(config->metrics);
  free(config->numbers);
  free(config->marks);
  free(config->published);
  free(config);
}

static void publish_one(km_config* config, void* envoy, size_t i) {
  int64_t total = __atomic_load_n(&config->numbers[i], __ATOMIC_SEQ_CST);
  int64_t delta = total - config->published[i];
  const km_metric* metric = &config->metrics[i];
  config->published[i] = total;
  switch (metric->kind) {
    case km_counter:
      if (delta > 0) {
        CALLBACK(increment_counter)(envoy, metric->id, (uint64_t)delta);
      }
      break;
    case km_gauge:
      if (delta > 0) {
        CALLBACK(increment_gauge)(envoy, metric->id, (uint64_t)delta);
      } else if (delta < 0) {
        CALLBACK(decrement_gauge)(envoy, metric->id, (uint64_t)-delta);
      }
      break;
    case km_histogram:
      for (; delta > 0 && metric->sample >= 0; delta--) {
        CALLBACK(record_histogram_value)(envoy, metric->id, (uint64_t)metric->sample);
      }
      break;
  }
}

// The mark goes before the number is read: what is added in between is marked again, and may have been told by then.
static void publish(km_config* config, void* envoy) {
  for (size_t word = 0; word < mark_words(config->count); word++) {
    if (__atomic_load_n(&config->marks[word], __ATOMIC_RELAXED) == 0) {
      continue;
    }
    uint64_t marks = __atomic_exchange_n(&config->marks[word], 0, __ATOMIC_SEQ_CST);
    for (; marks != 0; marks &= marks - 1) {
      publish_one(config, envoy, word * mark_bits + (size_t)__builtin_ctzll(marks));
    }
  }
}

static bool marked(const km_config* config) {
  for (size_t word = 0; word < mark_words(config->count); word++) {
    if (__atomic_load_n(&config->marks[word], __ATOMIC_RELAXED) != 0) {
      return true;
    }
  }
  return false;
}

// One worker publishes at a time: two that took +1 and -1 of a gauge at zero could tell Envoy in the wrong order, and
// Envoy's gauges are unsigned. Who comes second does not wait: who is at it goes round once more.
void km_config_publish(km_config* config, void* envoy) {
  if (!marked(config) || __atomic_fetch_add(&config->publishers, 1, __ATOMIC_ACQ_REL) > 0) {
    return;
  }
  int seen = 1;
  do {
    publish(config, envoy);
  } while (!__atomic_compare_exchange_n(&config->publishers, &seen, 0, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
}
