{{/* Apicurio's container, without its mounts; its schemas lie in a file of H2. */}}
{{- define "alpr-central.registryContainer" -}}
{{- $scheme := ternary "HTTPS" "HTTP" .Values.tls.enabled }}
name: registry
env:
  - {name: JAVA_OPTIONS, value: "-Xmx{{ .Values.registry.bundled.heap }} -Djava.io.tmpdir=/tmp"}
  - {name: APICURIO_STORAGE_KIND, value: sql}
  - {name: APICURIO_STORAGE_SQL_KIND, value: h2}
  - {name: APICURIO_DATASOURCE_URL, value: "jdbc:h2:file:/var/lib/registry/schemas"}
  # As version 2 calls it.
  - {name: REGISTRY_DATASOURCE_URL, value: "jdbc:h2:file:/var/lib/registry/schemas"}
  {{- if .Values.tls.enabled }}
  - {name: QUARKUS_HTTP_INSECURE_REQUESTS, value: disabled}
  - {name: QUARKUS_HTTP_SSL_PORT, value: "8081"}
  - {name: QUARKUS_HTTP_SSL_CERTIFICATE_FILES, value: /etc/ovr-alpr/tls/tls.crt}
  - {name: QUARKUS_HTTP_SSL_CERTIFICATE_KEY_FILES, value: /etc/ovr-alpr/tls/tls.key}
  {{- else }}
  - {name: QUARKUS_HTTP_PORT, value: "8081"}
  {{- end }}
ports:
  - {name: http, containerPort: 8081, protocol: TCP}
startupProbe:
  tcpSocket: {port: http}
  periodSeconds: 3
  failureThreshold: 60
livenessProbe:
  tcpSocket: {port: http}
  periodSeconds: 10
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /apis/ccompat/v7/subjects, port: http, scheme: {{ $scheme }}}
  periodSeconds: 5
  timeoutSeconds: 5
{{- end }}
