{{/* A step at the bundled store, once it answers; again at each upgrade. Takes (dict "root" $ "name" NAME "weight" NUMBER "args"
ARGUMENTS "secrets" LIST "mounts" LIST "volumes" LIST); secrets are those of alpr-objectstore-, by the end of their names. */}}
{{- define "alpr-central.storeStep" -}}
{{- $part := dict "root" .root "part" .name }}
{{- $values := .root.Values }}
{{- $when := "post-install,post-upgrade" }}
{{- $shared := dict "imagePullPolicy" $values.imagePullPolicy "image" (include "alpr-lib.image" (dict "root" .root "image" $values.secrets.image)) "resources" $values.secrets.resources "securityContext" (include "alpr-lib.containerSecurity" .root | fromYaml) }}
{{- $args := concat .args (list "--endpoint" (printf "%s://objectstore:9000" (ternary "https" "http" $values.tls.enabled)) "--admin" "/etc/ovr-alpr/secrets/root") }}
{{- if $values.tls.enabled }}{{ $args = concat $args (list "--ca-file" "/etc/ovr-alpr/ca/ca.crt") }}{{ end }}
{{- if $values.networkPolicy.enabled }}
{{- $to := dict "podSelector" (dict "matchLabels" (include "alpr-lib.selector" (dict "root" .root "part" "objectstore") | fromYaml)) }}
{{- $egress := list (dict "to" (list $to) "ports" (list (dict "port" 9000 "protocol" "TCP"))) }}
{{ include "alpr-lib.networkPolicy" (dict "root" .root "part" .name "egress" $egress "annotations" (include "alpr-lib.hook" (dict "when" $when "weight" -5) | fromYaml)) }}
---
{{- end }}
apiVersion: batch/v1
kind: Job
metadata:
  {{- include "alpr-lib.metadata" $part | nindent 2 }}
  annotations: {{- include "alpr-lib.hook" (dict "when" $when "weight" .weight) | nindent 4 }}
spec:
  backoffLimit: 8
  activeDeadlineSeconds: 600
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
      initContainers:
        - {{- merge (dict "name" "wait" "args" (list "wait" "objectstore:9000")) (deepCopy $shared) | toYaml | nindent 10 }}
      containers:
        - {{- merge (dict "name" (trimPrefix "alpr-" .name) "args" $args) (deepCopy $shared) | toYaml | nindent 10 }}
          volumeMounts:
            - {name: tmp, mountPath: /tmp}
            {{- range .secrets }}
            - {name: {{ . }}, mountPath: /etc/ovr-alpr/secrets/{{ . }}, readOnly: true}
            {{- end }}
            {{- if $values.tls.enabled }}
            - {name: ca, mountPath: /etc/ovr-alpr/ca, readOnly: true}
            {{- end }}
            {{- with .mounts }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
      volumes:
        - name: tmp
          emptyDir: {sizeLimit: 16Mi}
        {{- range .secrets }}
        - {{- include "alpr-central.secretVolume" (dict "name" . "secret" (printf "alpr-objectstore-%s" .)) | nindent 10 }}
        {{- end }}
        {{- if $values.tls.enabled }}
        - {{- include "alpr-central.secretVolume" (dict "name" "ca" "secret" "alpr-ca") | nindent 10 }}
        {{- end }}
        {{- with .volumes }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with include "alpr-lib.placement" (dict "root" .root) | trim }}
      {{- . | nindent 6 }}
      {{- end }}
{{- end }}
