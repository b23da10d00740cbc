{{/* A step before an install or an upgrade. Takes (dict "root" $ "name" NAME "weight" NUMBER "secrets" LIST "first" CONTAINERS
"then" CONTAINERS "servers" LIST); containers are YAML without what all have. It runs as the namespace's default account, which
is there before the chart's own, and gets no token. */}}
{{- define "alpr-services.step" -}}
{{- $part := dict "root" .root "part" .name }}
{{- $mounted := dict "root" .root "secrets" .secrets }}
{{- $ways := include "alpr-services.egress" (dict "root" .root "servers" .servers) | fromYamlArray }}
{{- if .root.Values.networkPolicy.enabled }}
{{ include "alpr-lib.networkPolicy" (dict "root" .root "part" .name "egress" $ways "annotations" (include "alpr-lib.hook" (dict "when" "pre-install,pre-upgrade" "weight" -20) | fromYaml)) }}
---
{{- end }}
apiVersion: batch/v1
kind: Job
metadata:
  {{- include "alpr-lib.metadata" $part | nindent 2 }}
  annotations: {{- include "alpr-lib.hook" (dict "when" "pre-install,pre-upgrade" "weight" .weight) | nindent 4 }}
spec:
  backoffLimit: {{ .root.Values.prepare.retries }}
  activeDeadlineSeconds: {{ .root.Values.prepare.deadline }}
  template:
    metadata:
      labels: {{- include "alpr-lib.labels" $part | nindent 8 }}
    spec:
      automountServiceAccountToken: false
      enableServiceLinks: false
      restartPolicy: Never
      {{- with include "alpr-lib.pullSecrets" .root }}
      {{- . | nindent 6 }}
      {{- end }}
      securityContext: {{- include "alpr-lib.podSecurity" 10001 | nindent 8 }}
      {{- $shared := include "alpr-services.stepContainer" $mounted | fromYaml }}
      {{- with .first }}
      initContainers:
        {{- range . }}
        - {{- merge . (deepCopy $shared) | toYaml | nindent 10 }}
        {{- end }}
      {{- end }}
      containers:
        {{- range .then }}
        - {{- merge . (deepCopy $shared) | toYaml | nindent 10 }}
        {{- end }}
      volumes: {{- include "alpr-services.volumes" $mounted | nindent 8 }}
      {{- with include "alpr-lib.placement" (dict "root" .root) | trim }}
      {{- . | nindent 6 }}
      {{- end }}
{{- end }}

{{/* What all containers of steps have. Takes (dict "root" $ "secrets" LIST). */}}
{{- define "alpr-services.stepContainer" -}}
imagePullPolicy: {{ .root.Values.imagePullPolicy }}
envFrom: {{- include "alpr-services.envFrom" .root | nindent 2 }}
resources: {{- toYaml .root.Values.prepare.resources | nindent 2 }}
securityContext: {{- include "alpr-lib.containerSecurity" . | nindent 2 }}
volumeMounts: {{- include "alpr-services.mounts" . | nindent 2 }}
{{- end }}
