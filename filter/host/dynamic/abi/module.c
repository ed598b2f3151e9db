#include "module.h"

// Called once per process: Go marks its shared libraries NODELETE, so Envoy never unloads this one, and loads a changed
// file only under another name.
const char* envoy_dynamic_module_on_program_init(void) { return KM_ABI_VERSION; }

bool km_log_enabled(envoy_dynamic_module_type_log_level level) {
  return envoy_dynamic_module_callback_log_enabled(level);
}

void km_log(envoy_dynamic_module_type_log_level level, const char* text, size_t length) {
  envoy_dynamic_module_type_module_buffer message = {text, length};
  envoy_dynamic_module_callback_log(level, message);
}
