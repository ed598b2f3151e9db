// One test for each promise about what waits for a client until Envoy has it.
#include "fake.h"

static void watermark(void) {
  envoy.on_write = NULL;
  WATERMARK(&envoy, go.conn);
}
static void close_in_write(void) { event(); }

// keep has three parts written that are kept, but for the short one.
static char kept_text[] = "kept", kept_more[] = "also kept", short_text[] = "...";
static bool keep(uint64_t write) {
  memcpy(kept_text, "kept", 4);
  memcpy(kept_more, "also kept", 9);
  km_part parts[] = {{(uintptr_t)kept_text, 4}, {(uintptr_t)short_text, 3}, {(uintptr_t)kept_more, 9}};
  bool kept = false;
  km_conn_keep(go.conn, parts, 3, write, &kept);
  return kept;
}
static void overwrite(void) { memset(kept_text, 'x', 4), memset(kept_more, 'x', 9); }
static void kept_parts_are_written_from_where_they_are(void) {
  start();
  go.on_sent = overwrite;
  go_write("before,");
  CHECK(keep(1) && keep(2));
  go_write(",behind");
  memcpy(short_text, "___", 3);  // that one is copied
  memcpy(kept_more, "ALSO", 4);  // and this one is not
  CHECK(envoy.writes == 0);
  scheduled();
  CHECK(go.sent == 2 && envoy.commits == 1);
  CHECK(wrote("before,kept...ALSO keptxxxx...xxxxxxxxx,behind"));  // all of the same text, which is gone after the first
}

static void kept_parts_wait_while_envoy_has_too_much(void) {
  start();
  envoy.on_write = watermark;  // after the first part
  CHECK(keep(1));
  scheduled();
  CHECK(wrote("kept") && go.sent == 0 && go.congested_calls == 1);
  scheduled();
  km_conn_close(go.conn);
  CHECK(wrote("kept") && envoy.commits == 1 && envoy.closes == 0);
  CHECK(!keep(2));  // behind a close nothing is
  DRAINED(&envoy, go.conn);
  CHECK(wrote("kept...also kept") && go.sent == 1 && envoy.closes == 1);
}

static void long_parts_are_handed_over_in_pieces(void) {
  start();
  char* text = malloc(2500);
  memset(text, 'k', 2500);
  bool kept = false;
  CHECK(km_conn_keep(go.conn, &(km_part){(uintptr_t)text, 2500}, 1, 1, &kept) && kept);
  scheduled();
  free(text);
  CHECK(envoy.writes == 3 && envoy.written_length == 2500 && go.sent == 1);
  CHECK(go.congested_calls == 1);  // that it is drained
}

// What is left is Go's again, which the address sanitizer sees.
static void kept_parts_are_left_alone_after_the_close(void) {
  start();
  char* text = malloc(8);
  bool kept = false;
  CHECK(!km_conn_keep(go.conn, &(km_part){(uintptr_t)text, 8}, 1, 1, &kept) && kept);
  event();
  free(text);
  scheduled();
  CHECK(envoy.writes == 0 && go.sent == 0 && go.closed_calls == 1 && !keep(2));
}

static void kept_parts_are_left_alone_when_a_write_closes(void) {
  start();
  go_write("x");
  CHECK(keep(1));
  envoy.on_write = close_in_write;
  scheduled();
  CHECK(wrote("x") && go.sent == 0 && go.closed_calls == 1);
}

// What a connection has written while Envoy had too much is not for ever in one buffer that grows.
static void what_waits_does_not_grow_what_is_half_written(void) {
  start();
  char text[1500] = {0};
  envoy.on_write = watermark;
  km_conn_write(go.conn, text, sizeof text);
  scheduled();
  CHECK(envoy.written_length == 1000);
  km_conn_write(go.conn, text, sizeof text);
  CHECK(go.conn->out.count == 2 && go.conn->out.length == 2000);
  DRAINED(&envoy, go.conn);
  CHECK(envoy.written_length == 3000 && go.conn->out.length == 0);
}

const test kept_tests[] = {
    TEST(kept_parts_are_written_from_where_they_are),
    TEST(kept_parts_wait_while_envoy_has_too_much),
    TEST(long_parts_are_handed_over_in_pieces),
    TEST(kept_parts_are_left_alone_after_the_close),
    TEST(kept_parts_are_left_alone_when_a_write_closes),
    TEST(what_waits_does_not_grow_what_is_half_written),
};
const size_t kept_test_count = sizeof kept_tests / sizeof *kept_tests;
