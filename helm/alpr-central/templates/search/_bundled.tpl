{{/* OpenSearch's container, without its mounts. */}}
{{- define "alpr-central.searchContainer" -}}
{{- $safe := eq (include "alpr-central.searchIsSafe" .) "true" }}
name: opensearch
command: ["/bin/bash", "/etc/ovr-alpr/opensearch/start.sh"]
env:
  - {name: OPENSEARCH_JAVA_OPTS, value: "-Xms{{ .Values.search.bundled.heap }} -Xmx{{ .Values.search.bundled.heap }}"}
  - {name: DISABLE_INSTALL_DEMO_CONFIG, value: "true"}
  - {name: DISABLE_PERFORMANCE_ANALYZER_AGENT_CLI, value: "true"}
  {{- if not $safe }}
  - {name: DISABLE_SECURITY_PLUGIN, value: "true"}
  {{- end }}
ports:
  - {name: http, containerPort: 9200, protocol: TCP}
startupProbe:
  tcpSocket: {port: http}
  periodSeconds: 3
  failureThreshold: 100
livenessProbe:
  tcpSocket: {port: http}
  periodSeconds: 10
  failureThreshold: 6
readinessProbe:
  {{- if $safe }}
  # Whoever asks for its health must log in, and a probe has no password.
  tcpSocket: {port: http}
  {{- else }}
  httpGet: {path: "/_cluster/health?local=true", port: http}
  {{- end }}
  periodSeconds: 5
  timeoutSeconds: 5
{{- end }}

{{/* opensearch.yml */}}
{{- define "alpr-central.searchConfig" -}}
cluster.name: alpr
node.name: opensearch-0
discovery.type: single-node
network.host: 0.0.0.0
http.port: 9200
# Without it the node would want a setting of its machine's kernel (vm.max_map_count).
node.store.allow_mmap: false
{{- if eq (include "alpr-central.searchIsSafe" .) "true" }}
plugins.security.allow_default_init_securityindex: true
plugins.security.ssl.http.enabled: true
plugins.security.ssl.http.pemcert_filepath: tls/tls.crt
plugins.security.ssl.http.pemkey_filepath: tls/tls.key
plugins.security.ssl.http.pemtrustedcas_filepath: tls/ca.crt
plugins.security.ssl.transport.pemcert_filepath: tls/tls.crt
plugins.security.ssl.transport.pemkey_filepath: tls/tls.key
plugins.security.ssl.transport.pemtrustedcas_filepath: tls/ca.crt
plugins.security.ssl.transport.enforce_hostname_verification: false
plugins.security.nodes_dn: ["CN=opensearch"]
{{- end }}
{{- end }}
