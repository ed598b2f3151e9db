// Compiles only if our declarations are Envoy's: C refuses two different ones of a function.
#include ENVOY_HEADER
#define KM_TYPES_FROM_ENVOY
#include "envoy_abi.h"

_Static_assert(sizeof(KM_ABI_VERSION) == sizeof(ENVOY_DYNAMIC_MODULES_ABI_VERSION), "the version differs");
