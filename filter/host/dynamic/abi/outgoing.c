#include "outgoing.h"

#include <string.h>

#include "memory.h"

// A larger buffer is not kept: 100,000 idle connections must cost kilobytes each.
enum { keep_capacity = 4096 };

static km_piece* last_piece(km_outgoing* out) {
  return out->first < out->count ? &out->pieces[out->count - 1] : NULL;
}

static km_piece* add(km_outgoing* out, char* bytes, size_t length, size_t capacity) {
  if (out->count == out->capacity) {
    if (out->first > out->count / 2) {
      memmove(out->pieces, out->pieces + out->first, (out->count - out->first) * sizeof *out->pieces);
      out->count -= out->first;
      out->first = 0;
    } else {
      out->capacity = out->capacity ? 2 * out->capacity : 4;
      out->pieces = km_grow(out->pieces, out->capacity * sizeof *out->pieces);
    }
  }
  out->pieces[out->count++] = (km_piece){bytes, length, capacity, 0};
  return last_piece(out);
}

// writable is a piece of ours that may grow, at the end. One that Envoy is being handed may not.
static km_piece* writable(km_outgoing* out) {
  km_piece* last = last_piece(out);
  bool handed = out->count - out->first == 1 && (out->lent || out->done > 0);
  if (last != NULL && last->capacity > 0 && !handed) {
    return last;
  }
  last = add(out, out->spare, 0, out->spare_capacity);
  out->spare = NULL;
  out->spare_capacity = 0;
  return last;
}

void km_outgoing_copy(km_outgoing* out, const void* bytes, size_t length) {
  if (length == 0) {
    return;
  }
  km_piece* p = writable(out);
  if (p->length + length > p->capacity) {
    size_t capacity = p->capacity ? p->capacity : 256;
    while (capacity < p->length + length) {
      capacity *= 2;
    }
    p->bytes = km_grow(p->bytes, capacity);
    p->capacity = capacity;
  }
  memcpy(p->bytes + p->length, bytes, length);
  p->length += length;
  out->length += length;
}

void km_outgoing_keep(km_outgoing* out, const void* bytes, size_t length) {
  add(out, (char*)bytes, length, 0);
  out->length += length;
}

void km_outgoing_mark(km_outgoing* out, uint64_t write) {
  for (size_t i = out->count; i > out->first; i--) {
    if (out->pieces[i - 1].capacity == 0) {
      out->pieces[i - 1].write = write;
      return;
    }
  }
}

size_t km_outgoing_lend(km_outgoing* out, const char** bytes) {
  const km_piece* p = &out->pieces[out->first];
  size_t left = p->length - out->done;
  out->lent = true;
  *bytes = p->bytes + out->done;
  return left < KAFKAMESH_AT_ONCE ? left : KAFKAMESH_AT_ONCE;
}

uint64_t km_outgoing_take(km_outgoing* out, size_t length) {
  km_piece* p = &out->pieces[out->first];
  out->lent = false;
  out->done += length;
  out->length -= length;
  if (out->done < p->length) {
    return 0;
  }
  uint64_t write = p->write;
  if (p->capacity > keep_capacity || (p->capacity > 0 && out->spare != NULL)) {
    free(p->bytes);
  } else if (p->capacity > 0) {
    out->spare = p->bytes;
    out->spare_capacity = p->capacity;
  }
  out->done = 0;
  out->first++;
  if (out->first == out->count) {
    out->first = out->count = 0;
    if (out->capacity > 16) {
      free(out->pieces);
      out->pieces = NULL;
      out->capacity = 0;
    }
  }
  return write;
}

void km_outgoing_free(km_outgoing* out) {
  for (size_t i = out->first; i < out->count; i++) {
    if (out->pieces[i].capacity > 0) {
      free(out->pieces[i].bytes);
    }
  }
  free(out->pieces);
  free(out->spare);
}
