{{/* The site's name. */}}
{{- define "alpr-site.name" -}}
{{- $name := .Values.name | default .Release.Name -}}
{{- if not (regexMatch "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$" $name) -}}
{{- fail (printf "name: %q cannot name a site; use 1 to 63 of a-z, 0-9 and '-', with a letter or digit at both ends" $name) -}}
{{- end -}}
{{- $name -}}
{{- end }}

{{/* Its namespace. */}}
{{- define "alpr-site.namespace" -}}
{{- .Values.namespace.name | default (include "alpr-site.name" .) -}}
{{- end }}

{{/* Labels of everything; the same as `kubectl alpr site init` gives. */}}
{{- define "alpr-site.labels" -}}
app.kubernetes.io/part-of: ovr-alpr
ovr-alpr.io/site: {{ include "alpr-site.name" . | quote }}
{{- end }}
