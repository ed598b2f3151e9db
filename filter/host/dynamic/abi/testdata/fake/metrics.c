// One test for each promise about what is counted, and how Envoy comes to know of it.
#include "fake.h"

static void count(int metric, long n) {
  km_metrics* m = &go.config->metrics;
  __atomic_add_fetch(&m->numbers[metric], n, __ATOMIC_SEQ_CST);
  if (__atomic_fetch_or(&m->marks[metric / 64], 1ull << metric % 64, __ATOMIC_SEQ_CST) == 0) {
    __atomic_fetch_or(&m->groups[metric / 64 / 64], 1ull << metric / 64 % 64, __ATOMIC_SEQ_CST);
  }
}
static void metrics_are_published_in_hooks(void) {
  start();
  count(0, 3);
  count(1, 2);
  receive("x", false);
  CHECK(envoy.counter == 3 && envoy.gauge == 2);
  count(1, -1);
  event();
  CHECK(envoy.counter == 3 && envoy.gauge == 1);
}

static void metrics_without_a_mark_are_not_looked_at(void) {
  start();
  go.config->metrics.numbers[0] = 3;
  receive("x", false);
  CHECK(envoy.counter == 0);
  count(1, 2);
  count(1, -2);  // marked, and zero
  receive("x", false);
  CHECK(envoy.counter == 0 && envoy.gauge == 0 && !km_metrics_marked(&go.config->metrics));
  count(0, 1);
  receive("x", false);
  CHECK(envoy.counter == 4);
}

static void histograms_are_recorded_one_by_one(void) {
  start();
  count(2, 2);
  count(3, 3);
  count(4, 21);  // their sum, which Envoy makes itself
  receive("x", false);
  CHECK(envoy.recorded == 5 && envoy.histogram == 21);
  count(3, 1);
  receive("x", false);
  CHECK(envoy.recorded == 6 && envoy.histogram == 28);
}

static void gauges_are_settled_at_the_end(void) {
  metrics_are_published_in_hooks();
  count(0, 4);
  finish();
#ifdef ENVOY_1_38
  CHECK(envoy.counter == 3 && envoy.gauge == 1);  // there is no callback for it
#else
  CHECK(envoy.counter == 7 && envoy.gauge == 0);
#endif
}

static void gauges_are_published_when_loaded(void) {
  go.loading = 1;
  start_config();
#ifdef ENVOY_1_38
  CHECK(envoy.gauge == 0);  // there is no callback for it
#else
  CHECK(envoy.gauge == 1);
#endif
  start_conn();
  receive("x", false);
  CHECK(envoy.gauge == 1);
  count(1, -1);
  receive("x", false);
  CHECK(envoy.gauge == 0);
}

#ifndef ENVOY_1_38
static void tick(void) {
  CHECK(km_config_tick(go.config));
  CHECK(envoy.config_commit == 1);
  publish_config();
}
#endif

// What is counted while no client does anything is seen all the same.
static void ticks_publish_without_a_connection(void) {
  start_config();
  count(0, 3);
  count(1, 2);
  count(3, 1);
  count(level_metric, 9);
#ifdef ENVOY_1_38
  CHECK(!km_config_tick(go.config) && envoy.config_commits == 1);  // there is no callback for it
#else
  CHECK(km_config_tick(go.config) && km_config_tick(go.config) && envoy.config_commits == 2 && envoy.counter == 0);
  publish_config();
  CHECK(envoy.counter == 3 && envoy.gauge == 2 && envoy.histogram == 7 && envoy.level == 9);
  count(1, -2);
  tick();
  CHECK(envoy.config_commits == 3 && envoy.counter == 3 && envoy.gauge == 0);
#endif
}

static void ticks_end_with_the_configuration(void) {
  start_config();
  km_config_ref(go.config);
  finish();
  CHECK(!km_config_tick(go.config) && envoy.config_commits == 1);
  km_config_unref(go.config);
}

// Another configuration has set it meanwhile, or has ended.
static void levels_are_set_again(void) {
  start();
  count(level_metric, 9);
  receive("x", false);
  CHECK(envoy.level == 9);
  envoy.level = 0;
#ifndef ENVOY_1_38
  tick();
  CHECK(envoy.level == 9);
  finish();
  CHECK(envoy.level == 0);
#endif
}

const test metric_tests[] = {
    TEST(metrics_are_published_in_hooks),
    TEST(metrics_without_a_mark_are_not_looked_at),
    TEST(histograms_are_recorded_one_by_one),
    TEST(gauges_are_settled_at_the_end),
    TEST(gauges_are_published_when_loaded),
    TEST(ticks_publish_without_a_connection),
    TEST(ticks_end_with_the_configuration),
    TEST(levels_are_set_again),
};
const size_t metric_test_count = sizeof metric_tests / sizeof *metric_tests;
