// Prints what a header makes of the types that we use. TestDeclarations compiles it with our header and with Envoy's.
#include <stdio.h>
#include HEADER

#define TYPE(t) printf("%s %zu\n", #t, sizeof(envoy_dynamic_module_type_##t))
#define FIELD(t, f) printf("%s.%s %zu\n", #t, #f, offsetof(envoy_dynamic_module_type_##t, f))
#define VALUE(v) printf("%s %d\n", #v, (int)envoy_dynamic_module_type_##v)

int main(void) {
  TYPE(envoy_buffer);
  FIELD(envoy_buffer, ptr);
  FIELD(envoy_buffer, length);
  TYPE(module_buffer);
  FIELD(module_buffer, ptr);
  FIELD(module_buffer, length);
  TYPE(log_level);
  VALUE(log_level_Trace);
  VALUE(log_level_Debug);
  VALUE(log_level_Info);
  VALUE(log_level_Warn);
  VALUE(log_level_Error);
  TYPE(metrics_result);
  VALUE(metrics_result_Success);
  VALUE(metrics_result_MetricNotFound);
  VALUE(metrics_result_InvalidLabels);
  VALUE(metrics_result_Frozen);
  TYPE(on_network_filter_data_status);
  VALUE(on_network_filter_data_status_Continue);
  VALUE(on_network_filter_data_status_StopIteration);
  TYPE(network_connection_close_type);
  VALUE(network_connection_close_type_FlushWrite);
  VALUE(network_connection_close_type_NoFlush);
  TYPE(network_connection_event);
  VALUE(network_connection_event_RemoteClose);
  VALUE(network_connection_event_LocalClose);
  VALUE(network_connection_event_Connected);
  VALUE(network_connection_event_ConnectedZeroRtt);
  TYPE(network_read_disable_status);
  VALUE(network_read_disable_status_NoTransition);
  VALUE(network_read_disable_status_StillReadDisabled);
  VALUE(network_read_disable_status_TransitionedToReadEnabled);
  VALUE(network_read_disable_status_TransitionedToReadDisabled);
  return 0;
}
