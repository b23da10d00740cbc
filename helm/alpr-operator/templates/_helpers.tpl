{{/* Labels that every object carries. Usage: include "alpr-operator.labels" . */}}
{{- define "alpr-operator.labels" -}}
{{ include "alpr-operator.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: operator
app.kubernetes.io/part-of: ovr-alpr
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
{{- end }}

{{/* What selects the pods; it must never change within a release. */}}
{{- define "alpr-operator.selector" -}}
app.kubernetes.io/name: alpr-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* registry/repository@digest, or :tag where no digest is given. */}}
{{- define "alpr-operator.image" -}}
{{- with .Values.imageRegistry }}{{ trimSuffix "/" . }}/{{ end }}{{ .Values.image.repository }}
{{- if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{/* The PriorityClass of the pod; empty for the cluster's default. */}}
{{- define "alpr-operator.priorityClass" -}}
{{- if .Values.priorityClass.existing }}{{ .Values.priorityClass.existing }}
{{- else if .Values.priorityClass.create }}{{ .Values.name }}{{ end }}
{{- end }}

{{/* Who a pod runs as. */}}
{{- define "alpr-operator.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* What a container may. */}}
{{- define "alpr-operator.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: ["ALL"]
{{- end }}

{{/* Variables over the mounted settings. */}}
{{- define "alpr-operator.env" -}}
- name: ALPR_OPERATOR_IDENTITY
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: ALPR_OPERATOR_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
{{- with .Values.env }}
{{ toYaml . }}
{{- end }}
{{- end }}
