{{/* Who a pod runs as: the restricted profile. Takes a user's number; our own images use 10001. */}}
{{- define "alpr-lib.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* What a container may: the restricted profile, on a root file system that cannot be written. */}}
{{- define "alpr-lib.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: ["ALL"]
{{- end }}

{{/* Secrets for pulling, where any are named. Takes the root. */}}
{{- define "alpr-lib.pullSecrets" -}}
{{- with .Values.imagePullSecrets -}}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{/* Where a pod may run. Takes (dict "root" $ "on" VALUES): what VALUES says wins over the chart's `scheduling`. */}}
{{- define "alpr-lib.placement" -}}
{{- $on := mergeOverwrite (deepCopy .root.Values.scheduling) (deepCopy (.on | default dict)) }}
{{- with $on.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $on.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $on.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $on.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Replicas on different nodes where there are several. Takes (dict "root" $ "part" NAME). */}}
{{- define "alpr-lib.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "alpr-lib.selector" . | nindent 8 }}
{{- end }}

{{/* Further variables. Takes (dict "config" MAP "env" LIST). */}}
{{- define "alpr-lib.variables" -}}
{{- range $name, $value := .config }}
- name: {{ $name }}
  value: {{ $value | toString | quote }}
{{- end }}
{{- with .env }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* A variable out of a Secret that need not be there. Takes (dict "name" VARIABLE "secret" NAME "key" KEY "optional" BOOLEAN). */}}
{{- define "alpr-lib.secretVariable" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ .secret }}
      key: {{ .key }}
      {{- if .optional }}
      optional: true
      {{- end }}
{{- end }}
