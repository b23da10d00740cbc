{{/* The consumers: what each is called in values, its port, its group, its servers, and which role of the database it takes. */}}
{{- define "alpr-services.consumers" -}}
storage-consumer: {values: storageConsumer, port: 8002, group: alpr-storage-consumer, servers: [kafka, registry, database]}
search-indexer: {values: searchIndexer, port: 8004, group: alpr-elasticsearch-consumer, servers: [kafka, registry, search, database, objectStore]}
dlq-consumer: {values: dlqConsumer, port: 8005, group: alpr-dlq-consumer, servers: [kafka, registry, database]}
metrics-consumer: {values: metricsConsumer, port: 8006, group: alpr-metrics-consumer, servers: [kafka, registry]}
{{- end }}

{{/* Where the servers are: keys are the services' own variables. */}}
{{- define "alpr-services.envFrom" -}}
- configMapRef:
    name: {{ .Values.connections.configMap }}
{{- end }}

{{/* Who we are to Kafka. Takes the Secret's name. */}}
{{- define "alpr-services.kafkaEnv" -}}
{{ include "alpr-lib.secretVariable" (dict "name" "KAFKA_SASL_USERNAME" "secret" . "key" "username" "optional" true) }}
- name: KAFKA_SASL_PASSWORD_FILE
  value: /etc/ovr-alpr/secrets/kafka/password
{{- end }}

{{/* What a consumer is told beside the addresses. Takes (dict "root" $ "name" NAME "told" ENTRY "values" VALUES). */}}
{{- define "alpr-services.consumerEnv" -}}
{{- $secrets := .root.Values.connections.secrets -}}
# The same name after a restart: a static member gets its partitions back without a rebalance of the group.
- name: KAFKA_INSTANCE_ID
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: KAFKA_GROUP_ID
  value: {{ .told.group }}
- name: METRICS_PORT
  value: {{ .told.port | quote }}
# Ids of schemas, so that a restarted container needs no registry.
- name: SCHEMA_REGISTRY_CACHE_FOLDER
  value: /var/lib/ovr-alpr
{{ include "alpr-services.kafkaEnv" $secrets.kafka }}
{{- if eq .name "search-indexer" }}
{{ include "alpr-lib.secretVariable" (dict "name" "ALPR_READER_DATABASE_URL" "secret" $secrets.databaseReader "key" "dsn") }}
{{ include "alpr-lib.secretVariable" (dict "name" "OPENSEARCH_USERNAME" "secret" $secrets.search "key" "username" "optional" true) }}
{{ include "alpr-lib.secretVariable" (dict "name" "OPENSEARCH_PASSWORD" "secret" $secrets.search "key" "password" "optional" true) }}
{{ include "alpr-services.imagesEnv" .root }}
{{- else if has "database" .told.servers }}
{{ include "alpr-lib.secretVariable" (dict "name" "ALPR_DATABASE_URL" "secret" $secrets.databaseWriter "key" "dsn") }}
{{- end }}
{{- include "alpr-lib.variables" .values }}
{{- end }}

{{/* Who we are to the object store; left out where the pod's own identity says so. */}}
{{- define "alpr-services.imagesEnv" -}}
{{- if .Values.connections.secrets.objectStore -}}
- name: ALPR_IMAGES_CREDENTIALS_FILE
  value: /etc/ovr-alpr/secrets/objectstore/credentials
{{- end }}
{{- end }}

{{/* Mounts of a part. Takes (dict "root" $ "secrets" LIST), a list of kafka, kafkaadmin, objectstore, apikey. */}}
{{- define "alpr-services.mounts" -}}
- name: ca
  mountPath: /etc/ovr-alpr/ca
  readOnly: true
{{- range .secrets }}
- name: {{ . }}
  mountPath: /etc/ovr-alpr/secrets/{{ trimSuffix "admin" . }}
  readOnly: true
{{- end }}
- name: tmp
  mountPath: /tmp
{{- end }}

{{/* Volumes for those mounts. Takes the same. Optional: what a server does not ask for need not be there. */}}
{{- define "alpr-services.volumes" -}}
{{- $secrets := .root.Values.connections.secrets -}}
{{- $names := dict "kafka" $secrets.kafka "kafkaadmin" $secrets.kafkaAdmin "objectstore" $secrets.objectStore "apikey" $secrets.apiKey -}}
- name: ca
  secret:
    secretName: {{ $secrets.ca }}
    optional: true
    items: [{key: ca.crt, path: ca.crt}]
{{- range .secrets }}
- name: {{ . }}
  secret:
    secretName: {{ get $names . }}
    optional: {{ ne . "apikey" }}
    defaultMode: 0440
{{- end }}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- end }}

{{/* Ways out to servers. Takes (dict "root" $ "servers" LIST). */}}
{{- define "alpr-services.egress" -}}
{{- range $server := .servers }}
{{- $told := index $.root.Values.networkPolicy.servers $server }}
- {{- with $told.to }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
  ports:
    {{- range $told.ports }}
    - port: {{ . }}
      protocol: TCP
    {{- end }}
{{- end }}
{{- end }}
