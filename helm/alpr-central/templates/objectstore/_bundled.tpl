{{/* MinIO's container, without its mounts. */}}
{{- define "alpr-central.objectStoreContainer" -}}
{{- $scheme := ternary "HTTPS" "HTTP" .Values.tls.enabled }}
name: objectstore
args:
  - server
  - /data
  - --address=:9000
  {{- if .Values.tls.enabled }}
  - --certs-dir=/etc/ovr-alpr/certs
  {{- end }}
env:
  - {name: MINIO_ROOT_USER_FILE, value: /etc/ovr-alpr/secrets/root/access-key}
  - {name: MINIO_ROOT_PASSWORD_FILE, value: /etc/ovr-alpr/secrets/root/secret-key}
  - {name: MINIO_BROWSER, value: "off"}
  - {name: MINIO_UPDATE, value: "off"}
  - {name: HOME, value: /tmp}
ports:
  - {name: s3, containerPort: 9000, protocol: TCP}
livenessProbe:
  httpGet: {path: /minio/health/live, port: s3, scheme: {{ $scheme }}}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /minio/health/ready, port: s3, scheme: {{ $scheme }}}
  periodSeconds: 5
  timeoutSeconds: 5
{{- end }}
