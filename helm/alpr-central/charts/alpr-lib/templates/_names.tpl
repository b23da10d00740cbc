{{/* Labels of an object. Takes (dict "root" $ "part" NAME); NAME is what the object belongs to, such as query-api. */}}
{{- define "alpr-lib.labels" -}}
{{ include "alpr-lib.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: ovr-alpr
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | quote }}
{{- end }}

{{/* What selects the pods of a part; it must never change within a release. Takes the same. */}}
{{- define "alpr-lib.selector" -}}
app.kubernetes.io/name: {{ .part }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{/* Head of an object in the release's namespace. Takes (dict "root" $ "part" NAME), and "name" where it is called otherwise. */}}
{{- define "alpr-lib.metadata" -}}
name: {{ .name | default .part }}
namespace: {{ .root.Release.Namespace }}
labels: {{- include "alpr-lib.labels" . | nindent 2 }}
{{- end }}

{{/* registry/repository@digest, or :tag where no digest is given. Takes (dict "root" $ "image" IMAGE). */}}
{{- define "alpr-lib.image" -}}
{{- with .root.Values.imageRegistry }}{{ trimSuffix "/" . }}/{{ end }}{{ .image.repository }}
{{- if .image.digest }}@{{ .image.digest }}{{ else }}:{{ .image.tag | default .root.Chart.AppVersion }}{{ end }}
{{- end }}

{{/* Makes a step of an installation out of an object. Takes (dict "when" EVENTS "weight" NUMBER). Argo CD reads the same words:
pre-install is its PreSync, post-install its PostSync, the weight its wave. What succeeded goes, so that nothing is left behind. */}}
{{- define "alpr-lib.hook" -}}
helm.sh/hook: {{ .when }}
helm.sh/hook-weight: {{ .weight | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}
