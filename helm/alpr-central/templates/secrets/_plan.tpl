{{/* What `alpr-setup secrets ensure` shall make true: Secrets of the servers that are ours, in every mode but external. */}}
{{- define "alpr-central.plan" -}}
{{- $values := .Values }}
{{- $tls := .Values.tls.enabled }}
{{- $options := ternary "sslmode=verify-full&sslrootcert=/etc/ovr-alpr/ca/ca.crt" "sslmode=disable" (or $tls (eq .Values.database.mode "operator")) }}
alpr-query-api-key: {kind: apiKey}
{{- if eq (include "alpr-central.certified" .) "true" }}
alpr-ca-key: {kind: authority, public: alpr-ca}
{{- end }}
{{- if and $tls (ne $values.kafka.mode "external") }}
{{- range list "admin" "services" "agents" }}
alpr-kafka-{{ . }}: {kind: password, username: alpr-{{ . }}}
{{- end }}
alpr-kafka-tls:
  kind: certificate
  hosts:
    {{- if eq $values.kafka.mode "operator" }}
    {{- include "alpr-central.names" (dict "root" . "name" (printf "%s-kafka-bootstrap" $values.kafka.operator.name)) | nindent 4 }}
    - "*.{{ $values.kafka.operator.name }}-kafka-brokers.{{ .Release.Namespace }}.svc"
    - "*.{{ $values.kafka.operator.name }}-kafka-brokers.{{ .Release.Namespace }}.svc.cluster.local"
    {{- else }}
    {{- include "alpr-central.names" (dict "root" . "name" "kafka") | nindent 4 }}
    {{- with and $values.kafka.bundled.external.enabled $values.kafka.bundled.external.host }}
    - {{ . | quote }}
    {{- end }}
    {{- end }}
{{- end }}
{{- if and $tls (eq $values.registry.mode "bundled") }}
alpr-registry-tls:
  kind: certificate
  hosts: {{- include "alpr-central.names" (dict "root" . "name" "registry") | nindent 4 }}
{{- end }}
{{- if ne $values.database.mode "external" }}
{{- range list "owner" "writer" "reader" }}
alpr-database-{{ . }}:
  kind: database
  username: alpr_{{ . }}
  host: {{ include "alpr-central.databaseHost" $ }}
  database: {{ $values.database.name }}
  options: {{ $options | quote }}
{{- end }}
{{- if eq $values.database.mode "bundled" }}
alpr-database-admin: {kind: password, username: postgres}
{{- end }}
{{- if or $tls (eq $values.database.mode "operator") }}
alpr-database-tls:
  kind: certificate
  hosts:
    {{- if eq $values.database.mode "operator" }}
    {{- range list "rw" "ro" "r" }}
    {{- include "alpr-central.names" (dict "root" $ "name" (printf "%s-%s" $values.database.operator.name .)) | nindent 4 }}
    {{- end }}
    {{- else }}
    {{- include "alpr-central.names" (dict "root" . "name" "database") | nindent 4 }}
    {{- end }}
{{- end }}
{{- end }}
{{- if or (eq $values.search.mode "operator") (and (eq $values.search.mode "bundled") (eq (include "alpr-central.searchIsSafe" .) "true")) }}
alpr-opensearch-admin: {kind: password, username: admin}
alpr-opensearch-indexer: {kind: password, username: alpr-indexer}
alpr-opensearch-tls:
  kind: certificate
  hosts: {{- include "alpr-central.names" (dict "root" . "name" (ternary $values.search.operator.name "opensearch" (eq $values.search.mode "operator"))) | nindent 4 }}
{{- end }}
{{- if eq $values.search.mode "operator" }}
alpr-opensearch-admin-tls: {kind: certificate, hosts: [alpr-opensearch-admin]}
{{- end }}
{{- if eq $values.objectStore.mode "bundled" }}
{{- range list "root" "services" "agents" }}
alpr-objectstore-{{ . }}: {kind: objectStore, username: alpr-{{ . }}}
{{- end }}
{{- if $tls }}
alpr-objectstore-tls:
  kind: certificate
  hosts: {{- include "alpr-central.names" (dict "root" . "name" "objectstore") | nindent 4 }}
{{- end }}
{{- end }}
{{- end }}

{{/* Whether anything of ours has a certificate: "true" or "false". Operators' databases and search have one in any case. */}}
{{- define "alpr-central.certified" -}}
{{- $ours := or (ne .Values.kafka.mode "external") (eq .Values.registry.mode "bundled") (ne .Values.database.mode "external") (ne .Values.search.mode "external") (eq .Values.objectStore.mode "bundled") -}}
{{ or (and .Values.tls.enabled $ours) (eq .Values.database.mode "operator") (eq .Values.search.mode "operator") }}
{{- end }}

{{/* Who makes them, and may do no more. Takes (dict "root" $ "name" NAME "verbs" LIST-FOR-ALL "annotations" MAP). */}}
{{- define "alpr-central.secretsAccess" -}}
{{- $part := dict "root" .root "part" "alpr-secrets" "name" .name }}
{{- $plan := include "alpr-central.plan" .root | fromYaml }}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "alpr-lib.metadata" $part | nindent 2 }}
  {{- with .annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  {{- include "alpr-lib.metadata" $part | nindent 2 }}
  {{- with .annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
rules:
  # `create` cannot be narrowed by name.
  - apiGroups: [""]
    resources: [secrets]
    verbs: {{ toJson .verbs }}
  - apiGroups: [""]
    resources: [secrets]
    resourceNames: {{- append (keys $plan) "alpr-ca" | sortAlpha | toYaml | nindent 6 }}
    verbs: [get, patch, delete]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  {{- include "alpr-lib.metadata" $part | nindent 2 }}
  {{- with .annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ .name }}
subjects:
  - kind: ServiceAccount
    name: {{ .name }}
    namespace: {{ .root.Release.Namespace }}
{{- end }}

{{/* The plan as a file. Takes (dict "root" $ "name" NAME "annotations" MAP). */}}
{{- define "alpr-central.planFile" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  {{- include "alpr-lib.metadata" (dict "root" .root "part" "alpr-secrets" "name" .name) | nindent 2 }}
  {{- with .annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
data:
  plan.yaml: |
    secrets: {{- include "alpr-central.plan" .root | trim | nindent 6 }}
{{- end }}

{{/* What does the work. Takes (dict "root" $ "name" NAME "args" LIST "plan" BOOLEAN). */}}
{{- define "alpr-central.secretsPod" -}}
metadata:
  labels: {{- include "alpr-lib.labels" (dict "root" .root "part" "alpr-secrets") | nindent 4 }}
spec:
  serviceAccountName: {{ .name }}
  # The one pod of this chart that asks the API server.
  automountServiceAccountToken: true
  enableServiceLinks: false
  restartPolicy: Never
  {{- with include "alpr-lib.pullSecrets" .root }}
  {{- . | nindent 2 }}
  {{- end }}
  securityContext: {{- include "alpr-lib.podSecurity" 10001 | nindent 4 }}
  containers:
    - name: secrets
      image: {{ include "alpr-lib.image" (dict "root" .root "image" .root.Values.secrets.image) }}
      imagePullPolicy: {{ .root.Values.imagePullPolicy }}
      args: {{ toJson .args }}
      resources: {{- toYaml .root.Values.secrets.resources | nindent 8 }}
      securityContext: {{- include "alpr-lib.containerSecurity" .root | nindent 8 }}
      volumeMounts:
        - {name: tmp, mountPath: /tmp}
        {{- if .plan }}
        - {name: plan, mountPath: /etc/ovr-alpr/plan, readOnly: true}
        {{- end }}
  volumes:
    - name: tmp
      emptyDir: {sizeLimit: 16Mi}
    {{- if .plan }}
    - name: plan
      configMap: {name: {{ .name }}}
    {{- end }}
  {{- with include "alpr-lib.placement" (dict "root" .root) | trim }}
  {{- . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* Its way out. Takes (dict "root" $ "name" NAME "annotations" MAP). */}}
{{- define "alpr-central.secretsPolicy" -}}
{{- $ports := list }}
{{- range .root.Values.networkPolicy.apiServerPorts }}{{ $ports = append $ports (dict "port" . "protocol" "TCP") }}{{ end }}
{{ include "alpr-lib.networkPolicy" (dict "root" .root "part" "alpr-secrets" "name" .name "egress" (list (dict "ports" $ports)) "annotations" .annotations) }}
{{- end }}
