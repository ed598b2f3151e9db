// Plays Envoy above the C layer and Go below it, with a connection or two, so that the order of events is the test's.
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "_cgo_export.h"

#define CHECK(condition)                                                        \
  do {                                                                          \
    if (!(condition)) {                                                         \
      fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
      exit(1);                                                                  \
    }                                                                           \
  } while (0)

typedef struct test {
  const char* name;
  void (*run)(void);
} test;
#define TEST(name) {#name, name}
extern const test iteration_tests[];
extern const size_t iteration_test_count;
extern const test kept_tests[];
extern const size_t kept_test_count;
extern const test metric_tests[];
extern const size_t metric_test_count;

#define WATERMARK envoy_dynamic_module_on_network_filter_above_write_buffer_high_watermark
#define DRAINED envoy_dynamic_module_on_network_filter_below_write_buffer_low_watermark

// wrote says whether Envoy was handed just this.
bool wrote(const char* text);

// What Envoy has seen and does. "freed" is what the use after free is in the real one.
typedef struct fake_envoy {
  bool freed;
  bool hangs;  // a close that flushes does not end
  char written[1 << 16];
  size_t written_length;
  int writes, fins, commits, wakes, ends, closes, close_type, disables, enables, drained, schedulers, config_schedulers, config_commits;
  uint64_t config_commit;  // what the last one was for
  long counter, gauge, level;
  long histogram, recorded;  // the sum of what was recorded, and how often
  const char* read;  // what the client sent
  void (*on_commit)(void), (*on_write)(void);
} fake_envoy;

// What Go has seen and does.
typedef struct fake_go {
  km_config* config;
  km_conn *conn, *other;
  int in_call;  // a call of a session is on the stack
  int data_calls, ends, congested_calls, closed_calls, closed_off_worker;
  int iterations, alone, served;
  long loading;  // what the gauge is when the configuration has been made
  uint64_t sent;  // the last write that need not be kept any more
  bool more;  // than one may take
  bool panic_new, panic_data, panic_congested;
  void (*on_data)(void), (*on_congested)(void), (*on_sent)(void), (*on_iteration)(void);
} fake_go;

// The numbers of a configuration: a counter, a gauge, three of a histogram, and far away a level.
enum { level_metric = 5000, metric_count = 5001 };

extern fake_envoy envoy, envoy_of_other;
extern fake_go go;

// start makes a configuration with a counter (0), a gauge (1) and a histogram (2 to 4), and a connection.
void start(void);
void start_config(void);
void start_conn(void);
// serve_config is Envoy's main loop, which has got to what the configuration has scheduled.
void serve_config(void);
// publish_config is the same for a tick.
void publish_config(void);
void go_write(const char* text);
// The other connection, of the same worker, has an Envoy of its own.
void start_other(void);
void end_other(void);
void destroy_other(void);
void scheduled_other(uint64_t what);
// event is a close event; destroy is what Envoy does some time after.
void event(void);
void destroy(void);
void scheduled(void);
// receive is followed by the end of the iteration, read_only is not.
void receive(const char* text, bool end);
void read_only(const char* text, bool end);
void wake(void);
void end_iteration(void);
// finish drops what is left and checks that nothing is: LeakSanitizer sees the rest.
void finish(void);
