{{/* How clients come in by a listener of Strimzi's: by TLS with our certificate and a password, or by neither. */}}
{{- define "alpr-central.strimziListener" -}}
{{- if .Values.tls.enabled -}}
tls: true
authentication:
  type: scram-sha-512
configuration:
  brokerCertChainAndKey:
    secretName: alpr-kafka-tls
    certificate: tls.crt
    key: tls.key
{{- else -}}
tls: false
{{- end }}
{{- end }}

{{/* What each user may: agents send events; services read them, bury dead letters and send them again; admin keeps topics. */}}
{{- define "alpr-central.kafkaRights" -}}
agents:
  acls:
    - resource: {type: topic, name: alpr.events., patternType: prefix}
      operations: [Write, Describe]
    - resource: {type: topic, name: alpr.metrics, patternType: literal}
      operations: [Write, Describe]
    - resource: {type: topic, name: alpr.dlq, patternType: literal}
      operations: [Write, Describe]
    - resource: {type: cluster}
      operations: [IdempotentWrite]
services:
  acls:
    - resource: {type: topic, name: alpr., patternType: prefix}
      operations: [Read, Describe, DescribeConfigs]
    - resource: {type: topic, name: alpr.dlq, patternType: prefix}
      operations: [Write]
    - resource: {type: topic, name: alpr.retry., patternType: prefix}
      operations: [Write]
    - resource: {type: group, name: alpr-, patternType: prefix}
      operations: [Read, Describe]
    - resource: {type: cluster}
      operations: [IdempotentWrite]
admin:
  acls:
    - resource: {type: topic, name: alpr., patternType: prefix}
      operations: [Create, Describe, DescribeConfigs, Alter, AlterConfigs]
    - resource: {type: cluster}
      operations: [Describe, DescribeConfigs]
{{- end }}
