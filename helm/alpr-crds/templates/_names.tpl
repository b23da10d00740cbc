{{/* What marks every object as this release's, and keeps it when the release goes. */}}
{{- define "alpr-crds.marks" -}}
annotations:
  helm.sh/resource-policy: keep
labels:
  app.kubernetes.io/part-of: ovr-alpr
  app.kubernetes.io/managed-by: {{ .Release.Service }}
  helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
{{- end }}
