// One test for each trap and each promise of the C layer. Without an argument it lists them; TestC runs each by name.
#include "fake.h"

static void write_two(void) {
  go_write("a");
  go_write("b");
}
static void write_in_hook_needs_no_commit(void) {
  go.on_data = write_two;
  start();
  receive("xyz", false);
  CHECK(go.data_calls == 1 && envoy.drained == 3);
  CHECK(envoy.commits == 0 && envoy.writes == 1 && wrote("ab"));
}

static void writes_outside_share_one_commit(void) {
  start();
  write_two();
  CHECK(envoy.commits == 1 && envoy.writes == 0);
  scheduled();
  CHECK(envoy.writes == 1 && wrote("ab"));
  go_write("c");
  CHECK(envoy.commits == 2);
}

// Clusters are dialled only then: Envoy's --mode validate makes a configuration and has no main loop.
static void served_once_the_main_loop_runs(void) {
  start_config();
  CHECK(envoy.config_commits == 1 && go.served == 0);
  serve_config();
  CHECK(go.served == 1);
}

static void many_chunks(void) {
  start();
  char text[1001] = {0};
  memset(text, 'x', 1000);
  receive(text, true);
  CHECK(envoy.drained == 1000 && go.ends == 1);
}

static void scheduled_after_close_touches_nothing(void) {
  start();
  go_write("late");
  event();  // the connection is freed; the filter lives on in commit's shared_ptr
  scheduled();
  CHECK(envoy.writes == 0 && go.closed_calls == 1);
}

static void event_and_destroy(void) {
  event();
  destroy();
}
static void destroy_inside_commit(void) {
  start();
  envoy.on_commit = event_and_destroy;  // would hang if the mutex were held
  go_write("x");
  envoy.on_commit = NULL;
  go_write("y");  // Go still has its reference
  CHECK(go.closed_calls == 1 && go.closed_off_worker == 0 && envoy.commits == 1);
}

static void destroy_without_close_event(void) {
  start();
  destroy();
  go_write("x");
  CHECK(go.closed_calls == 1 && go.closed_off_worker == 1 && envoy.commits == 0);
}

static void destroy_without_new_connection(void) {
  start_config();
  const void* c = envoy_dynamic_module_on_network_filter_new(go.config, &envoy);
  envoy_dynamic_module_on_network_filter_destroy(c);
  CHECK(go.closed_calls == 0);
}

static void pause_only_on_transitions(void) {
  start();
  km_conn_pause(go.conn, false);
  CHECK(envoy.commits == 0);
  km_conn_pause(go.conn, true);
  km_conn_pause(go.conn, true);
  scheduled();
  scheduled();
  CHECK(envoy.disables == 1 && envoy.enables == 0);
  km_conn_pause(go.conn, false);
  km_conn_pause(go.conn, true);
  scheduled();
  CHECK(envoy.disables == 1 && envoy.enables == 0);
  km_conn_pause(go.conn, false);
  scheduled();
  CHECK(envoy.disables == 1 && envoy.enables == 1);
}

static void close_after_what_was_written(void) {
  start();
  go_write("bye");
  km_conn_close(go.conn);
  go_write("dropped");
  scheduled();
  CHECK(wrote("bye") && envoy.closes == 1);
  CHECK(envoy.close_type == envoy_dynamic_module_type_network_connection_close_type_FlushWrite);
  CHECK(go.closed_calls == 1);
}

static void answer_and_close(void) {
  go_write("bye");
  km_conn_close(go.conn);
}
static void end_answers_then_says_fin(void) {
  start();
  km_conn_pause(go.conn, true);
  scheduled();
  km_conn_end(go.conn);
  km_conn_end(go.conn);
  CHECK(envoy.commits == 2 && go.ends == 0);
  go.on_data = answer_and_close;
  scheduled();
  CHECK(go.ends == 1 && wrote("bye") && envoy.fins == 1 && envoy.closes == 0);
  CHECK(envoy.disables == 1 && envoy.enables == 1);  // or the client's FIN would not be seen
  receive("more", false);
  CHECK(go.data_calls == 1 && envoy.drained == 4 && envoy.fins == 1);
  receive("", true);
  CHECK(go.ends == 1);
}
static void end_while_busy_takes_no_more(void) {
  start();
  km_conn_end(go.conn);
  scheduled();
  receive("more", false);
  CHECK(go.data_calls == 1 && go.ends == 1 && envoy.drained == 4 && envoy.fins == 0);
  answer_and_close();
  scheduled();
  CHECK(wrote("bye") && envoy.fins == 1);
}
static void cut_closes_who_does_not_answer_fin(void) {
  end_while_busy_takes_no_more();
  km_conn_cut(go.conn);
  km_conn_cut(go.conn);
  CHECK(envoy.commits == 3);
  scheduled();
  CHECK(envoy.closes == 1 && go.closed_calls == 1);
  CHECK(envoy.close_type == envoy_dynamic_module_type_network_connection_close_type_FlushWrite);
}

static const int no_flush = envoy_dynamic_module_type_network_connection_close_type_NoFlush;
static void abort_closes_at_once(void) {
  start();
  km_conn_pause(go.conn, true);
  go_write("dropped");
  km_conn_abort(go.conn);
  km_conn_abort(go.conn);
  scheduled();
  CHECK(envoy.writes == 0 && envoy.closes == 1 && envoy.close_type == no_flush && go.closed_calls == 1);
}
static void abort_ends_a_close(void) {
  start();
  envoy.hangs = true;  // the client does not read
  answer_and_close();
  scheduled();
  CHECK(envoy.closes == 1 && envoy.close_type != no_flush && go.closed_calls == 0 && envoy.commits == 1);
  km_conn_abort(go.conn);
  km_conn_close(go.conn);
  CHECK(envoy.commits == 2);
  scheduled();
  CHECK(envoy.closes == 2 && envoy.close_type == no_flush && go.closed_calls == 1);
}
static void abort_ends_a_half_close(void) {
  end_while_busy_takes_no_more();
  envoy.hangs = true;
  km_conn_cut(go.conn);
  scheduled();
  CHECK(envoy.closes == 1 && go.closed_calls == 0);
  km_conn_abort(go.conn);
  scheduled();
  scheduled();
  CHECK(envoy.closes == 2 && envoy.close_type == no_flush && go.closed_calls == 1);
}

static void close_in_write(void) { event(); }
static void write_that_ends_the_connection(void) {
  start();
  km_conn_pause(go.conn, true);
  go_write("x");
  km_conn_close(go.conn);
  envoy.on_write = close_in_write;
  scheduled();
  CHECK(envoy.writes == 1 && envoy.closes == 0 && envoy.disables == 0 && go.closed_calls == 1);
}

static void watermark(void) {
  envoy.on_write = NULL;
  WATERMARK(&envoy, go.conn);
}
static void write_and_pause(void) {
  go_write("more");
  km_conn_pause(go.conn, true);
}
static void watermark_inside_write(void) {
  start();
  envoy.on_write = watermark;
  go.on_congested = write_and_pause;
  go_write("x");
  scheduled();
  CHECK(go.congested_calls == 1 && envoy.disables == 1);  // by the outer hook, after its write
  CHECK(wrote("x") && envoy.commits == 1);                // what came meanwhile waits until Envoy takes more
  go.on_congested = NULL;
  DRAINED(&envoy, go.conn);
  CHECK(wrote("xmore"));
}

static int told;  // how often Go was told that too much is unsent
static void write_much(void) {
  char text[600] = {0};
  told += km_conn_write(go.conn, text, sizeof text);
}
static void write_more_once(void) {
  go.on_congested = NULL;
  write_much();
  write_much();
}
// Envoy takes it all at once and says nothing: then we do, and Go goes on in the same hook.
static void relief_without_watermark(void) {
  start();
  go.on_congested = write_more_once;
  write_much();
  CHECK(told == 0);
  write_much();
  CHECK(told == 1 && go.congested_calls == 0);
  scheduled();
  CHECK(told == 2 && go.congested_calls == 2 && envoy.written_length == 2400 && envoy.commits == 1);
}

static void relief_with_watermark(void) {
  start();
  envoy.on_write = watermark;
  write_much();
  write_much();
  scheduled();
  CHECK(told == 1 && go.congested_calls == 1);  // above
  CHECK(km_conn_write(go.conn, "x", 1));
  scheduled();
  CHECK(go.congested_calls == 1);  // still above
  envoy_dynamic_module_on_network_filter_below_write_buffer_low_watermark(&envoy, go.conn);
  CHECK(go.congested_calls == 2 && !km_conn_write(go.conn, "x", 1));
}

static void panic_in_data_closes_at_once(void) {
  start();
  go.panic_data = true;
  receive("x", false);
  CHECK(envoy.closes == 1 && envoy.drained == 1 && go.closed_calls == 1);
  CHECK(envoy.close_type == envoy_dynamic_module_type_network_connection_close_type_NoFlush);
}

static void panic_inside_write_closes_after_it(void) {
  start();
  go.panic_congested = true;
  envoy.on_write = watermark;
  go_write("x");
  scheduled();
  CHECK(envoy.closes == 1 && go.closed_calls == 1);
}

static void panic_in_new_session(void) {
  go.panic_new = true;
  start();
  receive("x", false);
  CHECK(envoy.closes == 1 && go.data_calls == 0 && go.closed_calls == 0);
}

static const test tests[] = {
    TEST(write_in_hook_needs_no_commit),
    TEST(served_once_the_main_loop_runs),
    TEST(writes_outside_share_one_commit),
    TEST(many_chunks),
    TEST(scheduled_after_close_touches_nothing),
    TEST(destroy_inside_commit),
    TEST(destroy_without_close_event),
    TEST(destroy_without_new_connection),
    TEST(pause_only_on_transitions),
    TEST(close_after_what_was_written),
    TEST(end_answers_then_says_fin),
    TEST(end_while_busy_takes_no_more),
    TEST(cut_closes_who_does_not_answer_fin),
    TEST(abort_closes_at_once),
    TEST(abort_ends_a_close),
    TEST(abort_ends_a_half_close),
    TEST(write_that_ends_the_connection),
    TEST(watermark_inside_write),
    TEST(relief_without_watermark),
    TEST(relief_with_watermark),
    TEST(panic_in_data_closes_at_once),
    TEST(panic_inside_write_closes_after_it),
    TEST(panic_in_new_session),
};

static bool run_one(const test* all, size_t count, const char* name) {
  for (size_t i = 0; i < count; i++) {
    if (name == NULL) {
      puts(all[i].name);
    } else if (!strcmp(name, all[i].name)) {
      all[i].run();
      finish();
      return true;
    }
  }
  return false;
}

int main(int argc, char** argv) {
  const char* name = argc < 2 ? NULL : argv[1];
  bool ran = run_one(tests, sizeof tests / sizeof *tests, name) ||
             run_one(iteration_tests, iteration_test_count, name) || run_one(kept_tests, kept_test_count, name) ||
             run_one(metric_tests, metric_test_count, name);
  return name != NULL && !ran;  // no such test
}
