// Iterations: what is held until their end, who is asked for it, and what if that one dies.
#include "fake.h"

static void write_two(void) {
  go_write("a");
  go_write("b");
}
static void answer_and_close(void) {
  go_write("bye");
  km_conn_close(go.conn);
}
static void close_in_write(void) { event(); }

static void iteration_begins_with_the_first_read(void) {
  start();
  go.on_iteration = write_two;
  read_only("x", false);
  read_only("y", false);
  go_write("0");  // on the worker's thread, for which an iteration is open
  CHECK(envoy.ends == 1 && go.iterations == 0 && envoy.commits == 0 && envoy.writes == 0);
  end_iteration();
  CHECK(go.iterations == 1 && envoy.commits == 0 && envoy.writes == 1 && wrote("0ab"));
  go_write("c");
  CHECK(envoy.commits == 1);
}

static void* write_apart(void* none) {
  go_write("apart");
  return none;
}
static void writes_of_others_do_not_wait_for_the_iteration(void) {
  start();
  read_only("x", false);
  pthread_t t;
  pthread_create(&t, NULL, write_apart, NULL);
  pthread_join(t, NULL);
  CHECK(envoy.commits == 1);
  scheduled();
  CHECK(wrote("apart"));
  end_iteration();
}

static void waking_wakes_once(void) {
  start();
  go.on_iteration = write_two;
  km_worker_wake(go.conn->worker);
  km_worker_wake(go.conn->worker);
  CHECK(envoy.wakes == 1);
  wake();
  CHECK(go.iterations == 0 && envoy.ends == 1);  // what Envoy reads in this iteration is part of it
  km_worker_wake(go.conn->worker);
  read_only("x", false);
  CHECK(envoy.wakes == 1 && envoy.ends == 1);
  end_iteration();
  CHECK(go.iterations == 1 && wrote("ab"));
  km_worker_wake(go.conn->worker);
  CHECK(envoy.wakes == 2);
}

static void iteration_ends_with_who_was_asked(void) {
  start();
  read_only("x", false);
  event();
  CHECK(go.iterations == 1 && go.closed_calls == 1);
  end_iteration();
  CHECK(go.iterations == 1);
  km_worker_wake(go.conn->worker);
  CHECK(go.iterations == 1 && go.alone == 1 && envoy.wakes == 0);
}

static void wake_ends_with_who_was_asked(void) {
  start();
  km_worker_wake(go.conn->worker);
  event();
  CHECK(go.iterations == 1);
  wake();
  CHECK(go.iterations == 1 && envoy.ends == 0);
}

static void who_was_not_asked_ends_nothing(void) {
  start();
  event();
  CHECK(go.iterations == 0 && go.alone == 0);
}

static void iteration_of_one_without_close_event(void) {
  start();
  read_only("x", false);
  destroy();
  CHECK(go.iterations == 0 && go.alone == 1);
}

static void write_and_wake(void) {
  go.on_iteration = NULL;
  go_write("x");
  km_worker_wake(go.conn->worker);
}
static void who_was_asked_dies_in_the_iteration(void) {
  start();
  go.on_iteration = write_and_wake;
  envoy.on_write = close_in_write;
  read_only("x", false);
  end_iteration();
  CHECK(envoy.writes == 1 && go.iterations == 2);
}

static void close_in_iteration(void) {
  go_write("bye");
  km_conn_close(go.conn);
  km_conn_pause(go.conn, true);
}
static void close_at_the_end_of_an_iteration(void) {
  start();
  go.on_iteration = close_in_iteration;
  read_only("x", false);
  end_iteration();
  CHECK(wrote("bye") && envoy.closes == 1 && envoy.commits == 0 && go.closed_calls == 1);
}

static void an_early_end_is_an_iteration(void) {
  start();
  go.on_iteration = answer_and_close;  // what waited for the end
  km_conn_end(go.conn);
  scheduled();
  CHECK(go.ends == 1 && envoy.ends == 1 && envoy.writes == 0);
  end_iteration();
  CHECK(wrote("bye") && envoy.fins == 1);
}

static void due_on_one_that_dies(void) {
  start();
  read_only("x", false);
  go_write("x");
  event();
  CHECK(go.iterations == 1 && envoy.writes == 0);
}

static void write_to_both(void) {
  go_write("a");
  km_conn_write(go.other, "b", 1);
}
static void others_get_theirs_when_who_was_asked_dies(void) {
  start();
  start_other();
  go.on_iteration = write_to_both;
  read_only("x", false);
  event();
  CHECK(go.iterations == 1 && envoy.writes == 0 && envoy_of_other.writes == 1 && envoy_of_other.commits == 0);
  km_worker_wake(go.conn->worker);
  CHECK(envoy.wakes == 0 && envoy_of_other.wakes == 1 && go.alone == 0);
}

static void close_event_of_other(void) {
  envoy.on_write = NULL;
  end_other();
}
// The other was asked for the next iteration, and ends inside of this one.
static void wake_and_write_to_both(void) {
  go.on_iteration = NULL;
  km_worker_wake(go.conn->worker);
  CHECK(envoy_of_other.wakes == 1);
  write_to_both();
}
static void another_dies_in_the_iteration(void) {
  start();
  start_other();
  go.on_iteration = wake_and_write_to_both;
  envoy.on_write = close_event_of_other;
  read_only("x", false);
  end_iteration();
  CHECK(go.iterations == 2 && envoy.writes == 1 && envoy_of_other.writes == 0);
}

static void another_is_asked_without_a_close_event(void) {
  start();
  start_other();
  read_only("x", false);
  destroy();
  CHECK(go.iterations == 0 && go.alone == 0 && envoy_of_other.ends == 1);
  scheduled_other(km_for_end);
  CHECK(go.iterations == 1);
  km_worker_wake(go.other->worker);
  destroy_other();
  CHECK(go.alone == 1);
}

const test iteration_tests[] = {
    TEST(iteration_begins_with_the_first_read),
    TEST(writes_of_others_do_not_wait_for_the_iteration),
    TEST(waking_wakes_once),
    TEST(iteration_ends_with_who_was_asked),
    TEST(wake_ends_with_who_was_asked),
    TEST(who_was_not_asked_ends_nothing),
    TEST(iteration_of_one_without_close_event),
    TEST(who_was_asked_dies_in_the_iteration),
    TEST(close_at_the_end_of_an_iteration),
    TEST(an_early_end_is_an_iteration),
    TEST(due_on_one_that_dies),
    TEST(others_get_theirs_when_who_was_asked_dies),
    TEST(another_dies_in_the_iteration),
    TEST(another_is_asked_without_a_close_event),
};
const size_t iteration_test_count = sizeof iteration_tests / sizeof *iteration_tests;
