{{/* The broker's container, without its mounts. */}}
{{- define "alpr-central.kafkaContainer" -}}
name: kafka
command: ["/bin/sh", "/etc/ovr-alpr/kafka/start.sh"]
env:
  - {name: CLUSTER_ID, value: {{ .Values.kafka.bundled.clusterId | quote }}}
  - {name: KAFKA_HEAP_OPTS, value: "-Xms{{ .Values.kafka.bundled.heap }} -Xmx{{ .Values.kafka.bundled.heap }}"}
  - {name: LOG_DIR, value: /tmp/logs}
ports:
  - {name: kafka, containerPort: 9092, protocol: TCP}
  {{- if .Values.kafka.bundled.external.enabled }}
  - {name: edge, containerPort: 9094, protocol: TCP}
  {{- end }}
startupProbe:
  tcpSocket: {port: kafka}
  periodSeconds: 3
  failureThreshold: 60
livenessProbe:
  tcpSocket: {port: kafka}
  periodSeconds: 10
  failureThreshold: 6
readinessProbe:
  tcpSocket: {port: kafka}
  periodSeconds: 5
{{- end }}

{{/* server.properties. The broker talks to itself inside its pod; clients come by TLS and SCRAM, or by neither. */}}
{{- define "alpr-central.kafkaConfig" -}}
{{- $told := .Values.kafka.bundled }}
{{- $way := ternary "SASL_SSL" "PLAINTEXT" .Values.tls.enabled }}
{{- $edge := $told.external.enabled }}
{{- if and $edge (not $told.external.host) }}
{{- fail "kafka.bundled.external.host: by which name or address do edge nodes reach this cluster?" }}
{{- end }}
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:9093
controller.listener.names=CONTROLLER
inter.broker.listener.name=LOCAL
listeners=CLIENTS://:9092,LOCAL://127.0.0.1:9095,CONTROLLER://127.0.0.1:9093{{ if $edge }},EDGE://:9094{{ end }}
advertised.listeners=CLIENTS://kafka.{{ .Release.Namespace }}.svc:9092,LOCAL://127.0.0.1:9095{{ if $edge }},EDGE://{{ $told.external.host }}:{{ ternary $told.external.nodePort 9094 (eq $told.external.type "NodePort") }}{{ end }}
listener.security.protocol.map=CLIENTS:{{ $way }},LOCAL:PLAINTEXT,CONTROLLER:PLAINTEXT{{ if $edge }},EDGE:{{ $way }}{{ end }}
{{- if .Values.tls.enabled }}
sasl.enabled.mechanisms=SCRAM-SHA-512
{{- range ternary (list "clients" "edge") (list "clients") $edge }}
listener.name.{{ . }}.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
{{- end }}
ssl.keystore.type=PEM
ssl.keystore.location=/tmp/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location=/etc/ovr-alpr/tls/ca.crt
{{- end }}
log.dirs=/var/lib/kafka/data
auto.create.topics.enable=false
# There is one broker: its own topics cannot have three copies.
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=1000
{{- end }}
