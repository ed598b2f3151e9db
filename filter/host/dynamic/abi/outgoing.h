// What waits for one client until Envoy has it: pieces of memory, one behind the other.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Envoy copies what it is handed to memory that it allocates for it. So much at once comes from its allocator's caches; a
// piece of megabytes is new from the kernel each time, page by page.
#ifndef KAFKAMESH_AT_ONCE  // less, for a test
#define KAFKAMESH_AT_ONCE (64 << 10)
#endif

typedef struct km_piece {
  char* bytes;
  size_t length, capacity;  // capacity 0: the bytes are Go's, which leaves them as they are until it is told
  uint64_t write;           // of those that Go keeps for one write the last: which write that is; else 0
} km_piece;

// A zero value is empty. The mutex of its connection guards it.
typedef struct km_outgoing {
  km_piece* pieces;  // from first on
  size_t first, count, capacity;
  size_t done;    // bytes of the first piece that Envoy has
  size_t length;  // bytes that Envoy has not
  bool lent;      // some are being handed to Envoy: the first piece stays where it is
  char* spare;    // of spare_capacity, for the next copy
  size_t spare_capacity;
} km_outgoing;

// km_outgoing_copy adds a copy of bytes; km_outgoing_keep adds the bytes themselves.
void km_outgoing_copy(km_outgoing* out, const void* bytes, size_t length);
void km_outgoing_keep(km_outgoing* out, const void* bytes, size_t length);
// km_outgoing_mark says that what was kept last is the end of a write.
void km_outgoing_mark(km_outgoing* out, uint64_t write);
// km_outgoing_lend gives the next bytes, as many as Envoy should be handed at once, until km_outgoing_take. It is not empty.
size_t km_outgoing_lend(km_outgoing* out, const char** bytes);
// km_outgoing_take takes out what was lent, of so many bytes. It returns which write Go need not keep any more; 0: none.
uint64_t km_outgoing_take(km_outgoing* out, size_t length);
void km_outgoing_free(km_outgoing* out);
