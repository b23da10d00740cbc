{{/* PostgreSQL's container, without its mounts. */}}
{{- define "alpr-central.databaseContainer" -}}
name: database
command: [/bin/sh, /etc/ovr-alpr/database/start.sh]
args:
  - postgres
  {{- $config := dict "hba_file" "/etc/ovr-alpr/database/pg_hba.conf" "password_encryption" "scram-sha-256" }}
  {{- if .Values.tls.enabled }}
  {{- $config = merge $config (dict "ssl" "on" "ssl_cert_file" "/etc/ovr-alpr/tls/tls.crt" "ssl_key_file" "/etc/ovr-alpr/tls/tls.key") }}
  {{- end }}
  {{- range $name, $value := mergeOverwrite (deepCopy .Values.database.bundled.config) $config }}
  - "-c"
  - {{ printf "%s=%v" $name $value | quote }}
  {{- end }}
env:
  - {name: POSTGRES_USER, value: postgres}
  - {name: POSTGRES_PASSWORD_FILE, value: /etc/ovr-alpr/secrets/database-admin/password}
  - {name: POSTGRES_DB, value: {{ .Values.database.name }}}
  - {name: POSTGRES_INITDB_ARGS, value: "--auth-host=scram-sha-256 --auth-local=scram-sha-256"}
  - {name: PGDATA, value: /var/lib/postgresql/data/pgdata}
  - {name: TIMESCALEDB_TELEMETRY, value: "off"}
ports:
  - {name: postgres, containerPort: 5432, protocol: TCP}
# Recovery after a crash takes its time; it is not killed for that.
startupProbe:
  exec: {command: [pg_isready, -h, 127.0.0.1, -U, postgres]}
  periodSeconds: 3
  failureThreshold: 200
livenessProbe:
  exec: {command: [pg_isready, -h, 127.0.0.1, -U, postgres]}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  exec: {command: [pg_isready, -h, 127.0.0.1, -U, postgres]}
  periodSeconds: 5
  timeoutSeconds: 5
{{- end }}

{{/* Who may log in, and how. The superuser only inside the pod. */}}
{{- define "alpr-central.databaseAccess" -}}
{{- $way := ternary "hostssl" "host" .Values.tls.enabled }}
local   all postgres                        scram-sha-256
{{- if .Values.restore.from }}
# TimescaleDB's own tables are filled by the superuser alone: open for the restore.
{{ $way }} {{ .Values.database.name }} postgres all scram-sha-256
{{- end }}
{{ $way }} {{ .Values.database.name }} alpr_owner,alpr_writer,alpr_reader all scram-sha-256
{{- end }}
