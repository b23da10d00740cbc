{{/* Where each server is, for its mode. Names of Services are short: clients are in this namespace; sites' agents get long ones. */}}
{{- define "alpr-central.connections" -}}
{{- $ca := "/etc/ovr-alpr/ca/ca.crt" -}}
{{- $http := ternary "https" "http" .Values.tls.enabled -}}
{{- with .Values.kafka }}
{{- if eq .mode "external" }}
KAFKA_BOOTSTRAP_SERVERS: {{ .external.bootstrapServers | quote }}
KAFKA_SECURITY_PROTOCOL: {{ .external.securityProtocol }}
{{- if hasPrefix "SASL" .external.securityProtocol }}
KAFKA_SASL_MECHANISM: {{ .external.saslMechanism }}
{{- end }}
{{- if .external.privateCa }}
KAFKA_SSL_CA_FILE: {{ $ca }}
{{- end }}
{{- else }}
KAFKA_BOOTSTRAP_SERVERS: {{ ternary "kafka:9092" (printf "%s-kafka-bootstrap:9092" .operator.name) (eq .mode "bundled") }}
KAFKA_SECURITY_PROTOCOL: {{ ternary "SASL_SSL" "PLAINTEXT" $.Values.tls.enabled }}
{{- if $.Values.tls.enabled }}
KAFKA_SASL_MECHANISM: SCRAM-SHA-512
KAFKA_SSL_CA_FILE: {{ $ca }}
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.registry }}
{{- if eq .mode "external" }}
SCHEMA_REGISTRY_URL: {{ .external.url | quote }}
{{- if .external.privateCa }}
SCHEMA_REGISTRY_CA_FILE: {{ $ca }}
{{- end }}
{{- else }}
SCHEMA_REGISTRY_URL: {{ $http }}://registry:8081/apis/ccompat/v7
{{- if $.Values.tls.enabled }}
SCHEMA_REGISTRY_CA_FILE: {{ $ca }}
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.search }}
{{- if eq .mode "external" }}
OPENSEARCH_HOSTS: {{ .external.hosts | quote }}
{{- if .external.privateCa }}
OPENSEARCH_CA_FILE: {{ $ca }}
{{- end }}
{{- else if eq .mode "operator" }}
OPENSEARCH_HOSTS: https://{{ .operator.name }}:9200
OPENSEARCH_CA_FILE: {{ $ca }}
{{- else }}
{{- $safe := eq (include "alpr-central.searchIsSafe" $) "true" }}
OPENSEARCH_HOSTS: {{ ternary "https" "http" $safe }}://opensearch:9200
{{- if $safe }}
OPENSEARCH_CA_FILE: {{ $ca }}
{{- end }}
{{- end }}
{{- end }}
ALPR_IMAGES_URL: s3://{{ .Values.objectStore.bucket }}
{{- with .Values.objectStore }}
{{- if eq .mode "external" }}
{{- with .external.endpoint }}
ALPR_IMAGES_ENDPOINT: {{ . | quote }}
{{- end }}
ALPR_IMAGES_REGION: {{ .external.region }}
{{- else }}
ALPR_IMAGES_ENDPOINT: {{ $http }}://objectstore:9000
ALPR_IMAGES_REGION: us-east-1
{{- if $.Values.tls.enabled }}
# Clients of the object store trust what their system trusts, and this says what that is.
SSL_CERT_FILE: {{ $ca }}
{{- end }}
{{- end }}
{{- end }}
DB_HOST: {{ include "alpr-central.databaseHost" . }}
DB_PORT: {{ ternary .Values.database.external.port 5432 (eq .Values.database.mode "external") | toString | quote }}
DB_NAME: {{ .Values.database.name }}
{{- end }}

{{/* Where the database takes writes. */}}
{{- define "alpr-central.databaseHost" -}}
{{- $told := .Values.database -}}
{{- if eq $told.mode "external" }}{{ $told.external.host }}
{{- else if eq $told.mode "operator" }}{{ $told.operator.name }}-rw
{{- else }}database{{ end }}
{{- end }}

{{/* Whether the bundled OpenSearch has TLS and passwords: "true" or "false". */}}
{{- define "alpr-central.searchIsSafe" -}}
{{ and .Values.tls.enabled .Values.search.bundled.security }}
{{- end }}
