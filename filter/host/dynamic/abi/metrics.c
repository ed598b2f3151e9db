#include "metrics.h"

#include "memory.h"

enum { word_bits = 64 };

#define CALLBACK(name) envoy_dynamic_module_callback_network_filter_##name

const km_teller km_by_filter = {
    CALLBACK(increment_counter), CALLBACK(increment_gauge), CALLBACK(decrement_gauge),
    CALLBACK(set_gauge),         CALLBACK(record_histogram_value),
};

const km_teller* km_by_config(void) {
  static const km_teller by_config = {
      CALLBACK(config_increment_counter), CALLBACK(config_increment_gauge), CALLBACK(config_decrement_gauge),
      CALLBACK(config_set_gauge),         CALLBACK(config_record_histogram_value),
  };
  bool all = CALLBACK(config_increment_counter) && CALLBACK(config_increment_gauge) &&
             CALLBACK(config_decrement_gauge) && CALLBACK(config_set_gauge) && CALLBACK(config_record_histogram_value);
  return all ? &by_config : NULL;
}

static size_t words(size_t bits) { return (bits + word_bits - 1) / word_bits; }

void km_metrics_reserve(km_metrics* m, size_t count) {
  m->of = km_alloc(count, sizeof *m->of);
  m->numbers = km_alloc(count, sizeof *m->numbers);
  m->marks = km_alloc(words(count), sizeof *m->marks);
  m->groups = km_alloc(words(words(count)), sizeof *m->groups);
  m->published = km_alloc(count, sizeof *m->published);
  m->count = count;
}

void km_metrics_free(km_metrics* m) {
  free(m->of);
  free(m->numbers);
  free(m->marks);
  free(m->groups);
  free(m->published);
}

envoy_dynamic_module_type_metrics_result km_metrics_define(km_metrics* m, void* envoy, size_t i, size_t numbers,
                                                           km_kind kind, const char* name, size_t length) {
  envoy_dynamic_module_type_module_buffer text = {name, length};
  envoy_dynamic_module_type_metrics_result result = envoy_dynamic_module_type_metrics_result_Success;
  km_metric metric = {0, kind, 0};
  switch (kind) {
    case km_counter:
      result = CALLBACK(config_define_counter)(envoy, text, &metric.id);
      break;
    case km_gauge:
    case km_level:
      result = CALLBACK(config_define_gauge)(envoy, text, &metric.id);
      break;
    case km_histogram:
      result = CALLBACK(config_define_histogram)(envoy, text, &metric.id);
      break;
  }
  for (size_t n = 0; n < numbers; n++) {
    m->of[i + n] = metric;
  }
  return result;
}

static void publish_one(km_metrics* m, size_t i, void* envoy, const km_teller* by) {
  int64_t total = __atomic_load_n(&m->numbers[i], __ATOMIC_SEQ_CST);
  int64_t delta = total - m->published[i];
  const km_metric* metric = &m->of[i];
  m->published[i] = total;
  switch (metric->kind) {
    case km_counter:
      if (delta > 0) {
        by->count(envoy, metric->id, (uint64_t)delta);
      }
      break;
    case km_gauge:
      if (delta > 0) {
        by->raise(envoy, metric->id, (uint64_t)delta);
      } else if (delta < 0) {
        by->lower(envoy, metric->id, (uint64_t)-delta);
      }
      break;
    case km_level:
      by->set(envoy, metric->id, total > 0 ? (uint64_t)total : 0);
      break;
    case km_histogram:
      for (; delta > 0 && metric->sample >= 0; delta--) {
        by->record(envoy, metric->id, (uint64_t)metric->sample);
      }
      break;
  }
}

static void publish_word(km_metrics* m, size_t word, void* envoy, const km_teller* by) {
  uint64_t marks = __atomic_exchange_n(&m->marks[word], 0, __ATOMIC_SEQ_CST);
  for (; marks != 0; marks &= marks - 1) {
    publish_one(m, word * word_bits + (size_t)__builtin_ctzll(marks), envoy, by);
  }
}

// The group goes before its marks, and the mark before the number is read: what is added in between is marked again, and may have been
// told by then.
static void publish(km_metrics* m, void* envoy, const km_teller* by) {
  for (size_t i = 0; i < words(words(m->count)); i++) {
    if (__atomic_load_n(&m->groups[i], __ATOMIC_RELAXED) == 0) {
      continue;
    }
    uint64_t group = __atomic_exchange_n(&m->groups[i], 0, __ATOMIC_SEQ_CST);
    for (; group != 0; group &= group - 1) {
      publish_word(m, i * word_bits + (size_t)__builtin_ctzll(group), envoy, by);
    }
  }
}

bool km_metrics_marked(const km_metrics* m) {
  for (size_t i = 0; i < words(words(m->count)); i++) {
    if (__atomic_load_n(&m->groups[i], __ATOMIC_RELAXED) != 0) {
      return true;
    }
  }
  return false;
}

// One thread publishes at a time: two that took +1 and -1 of a gauge at zero could tell Envoy in the wrong order, and
// Envoy's gauges are unsigned. Who comes second does not wait: who is at it goes round once more.
void km_metrics_publish(km_metrics* m, void* envoy, const km_teller* by) {
  if (!km_metrics_marked(m) || __atomic_fetch_add(&m->publishers, 1, __ATOMIC_ACQ_REL) > 0) {
    return;
  }
  int seen = 1;
  do {
    publish(m, envoy, by);
  } while (!__atomic_compare_exchange_n(&m->publishers, &seen, 0, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
}

static void mark(km_metrics* m, size_t i) {
  size_t word = i / word_bits;
  if (__atomic_fetch_or(&m->marks[word], 1ull << (i % word_bits), __ATOMIC_SEQ_CST) == 0) {
    __atomic_fetch_or(&m->groups[word / word_bits], 1ull << (word % word_bits), __ATOMIC_SEQ_CST);
  }
}

void km_metrics_assert(km_metrics* m) {
  for (size_t i = 0; i < m->count; i++) {
    if (m->of[i].kind == km_level) {
      mark(m, i);
    }
  }
}

void km_metrics_settle(km_metrics* m, void* envoy, const km_teller* by) {
  for (size_t i = 0; i < m->count; i++) {
    int64_t told = m->published[i], left = __atomic_load_n(&m->numbers[i], __ATOMIC_ACQUIRE) - told;
    size_t id = m->of[i].id;
    if (m->of[i].kind == km_counter && left > 0) {
      by->count(envoy, id, (uint64_t)left);
    } else if (m->of[i].kind == km_gauge && told > 0) {
      by->lower(envoy, id, (uint64_t)told);
    } else if (m->of[i].kind == km_level && told > 0) {
      by->set(envoy, id, 0);
    }
  }
}
