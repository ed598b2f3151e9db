{{- define "kafka-mesh.name" -}}
{{- if contains .Chart.Name .Release.Name -}}{{ .Release.Name | trunc 52 | trimSuffix "-" }}{{- else -}}
{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" }}{{- end -}}
{{- end }}

{{- define "kafka-mesh.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: mesh
{{- end }}

{{- define "kafka-mesh.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "kafka-mesh.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- /* The address that clients are told: the Service's, unless the configuration has another. */}}
{{- define "kafka-mesh.host" -}}
{{ .Values.mesh.advertised_host | default (printf "%s.%s.svc" (include "kafka-mesh.name" .) .Release.Namespace) }}
{{- end }}
{{- define "kafka-mesh.port" -}}
{{ .Values.mesh.advertised_port | default .Values.service.port | int }}
{{- end }}

{{- /* The mesh's configuration: what is given, and what only the chart knows. */}}
{{- define "kafka-mesh.config" -}}
{{- $known := dict "advertised_host" (include "kafka-mesh.host" .) "advertised_port" (include "kafka-mesh.port" . | int)
      "admin" (dict "address" "0.0.0.0:9990" "readiness" "READINESS_ANY") -}}
{{ toYaml (mustMergeOverwrite $known (deepCopy .Values.mesh)) }}
{{- end }}

