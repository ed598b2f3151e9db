// What belongs to the process as a whole: loading and logging.
#pragma once

#include "envoy_abi.h"

// Called by Go, on any thread.

bool km_log_enabled(envoy_dynamic_module_type_log_level level);
void km_log(envoy_dynamic_module_type_log_level level, const char* text, size_t length);
