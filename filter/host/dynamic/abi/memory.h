// Memory that is there or ends the process, as Envoy's own allocations do: a hook has no way to report that it is not.
#pragma once

#include <stdlib.h>

static inline void* km_alloc(size_t count, size_t size) {
  void* p = calloc(count ? count : 1, size);
  if (p == NULL) {
    abort();
  }
  return p;
}

static inline void* km_grow(void* old, size_t size) {
  void* p = realloc(old, size);
  if (p == NULL) {
    abort();
  }
  return p;
}
