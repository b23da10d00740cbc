{{/* Whether there is a folder of backups to mount: "true" or "false". */}}
{{- define "alpr-central.hasBackups" -}}
{{ or .Values.backup.enabled (ne .Values.restore.from "") }}
{{- end }}

{{/* The claim of the folder of backups. */}}
{{- define "alpr-central.backupClaim" -}}
{{ .Values.backup.storage.claim | default "alpr-backup" }}
{{- end }}

{{/* An image with pg_dump and psql of the database's version. */}}
{{- define "alpr-central.postgresImage" -}}
{{- $told := .Values.database }}
{{- if and (eq $told.mode "bundled") (not .Values.backup.postgresImage) }}
{{- include "alpr-lib.image" (dict "root" . "image" $told.bundled.image) }}
{{- else }}
{{- with .Values.imageRegistry }}{{ trimSuffix "/" . }}/{{ end }}
{{- if .Values.backup.postgresImage }}{{ .Values.backup.postgresImage }}
{{- else if eq $told.mode "operator" }}{{ $told.operator.image }}
{{- else }}{{ fail "backup.postgresImage: the database is yours (database.mode external); name an image with pg_dump of its version or newer" }}
{{- end }}
{{- end }}
{{- end }}

{{/* Where pictures and schemas are, as `alpr-setup backup` and `restore finish` are told. Takes (dict "root" $ "writes" BOOLEAN). */}}
{{- define "alpr-central.backupPlaces" -}}
{{- $values := .root.Values }}
{{- $store := $values.objectStore }}
{{- $http := ternary "https" "http" $values.tls.enabled }}
{{- $ca := "/etc/ovr-alpr/ca/ca.crt" }}
{{- $args := list "--name-file" "/tmp/name" }}
{{- if $values.backup.images }}
{{- $region := ternary "us-east-1" $store.external.region (eq $store.mode "bundled") }}
{{- $endpoint := $store.external.endpoint | default (printf "https://s3.%s.amazonaws.com" $region) }}
{{- if eq $store.mode "bundled" }}{{ $endpoint = printf "%s://objectstore:9000" $http }}{{ end }}
{{- $args = concat $args (list "--endpoint" $endpoint "--bucket" $store.bucket "--region" $region "--credentials" "/etc/ovr-alpr/secrets/reads") }}
{{- if .writes }}{{ $args = concat $args (list "--writer" "/etc/ovr-alpr/secrets/writes") }}{{ end }}
{{- if and (eq $store.mode "bundled") $values.tls.enabled }}{{ $args = concat $args (list "--ca-file" $ca) }}{{ end }}
{{- end }}
{{- if eq $values.registry.mode "bundled" }}
{{- $args = concat $args (list "--registry" (printf "%s://registry:8081/apis/ccompat/v7" $http)) }}
{{- else }}
{{- $args = concat $args (list "--registry" $values.registry.external.url) }}
{{- end }}
{{- if ternary $values.tls.enabled $values.registry.external.privateCa (eq $values.registry.mode "bundled") }}
{{- $args = concat $args (list "--registry-ca-file" $ca) }}
{{- end }}
{{- toYaml $args }}
{{- end }}

{{/* The way to the servers: (dict "root" $). */}}
{{- define "alpr-central.backupEgress" -}}
{{- $values := .root.Values }}
{{- $servers := list (dict "name" "database" "mode" $values.database.mode "port" 5432) (dict "name" "registry" "mode" $values.registry.mode "port" 8081) }}
{{- if $values.backup.images }}{{ $servers = append $servers (dict "name" "objectstore" "mode" $values.objectStore.mode "port" 9000) }}{{ end }}
{{- $theirs := dict "database" ($values.database.external.port | int) "registry" (include "alpr-central.portOf" $values.registry.external.url | int) "objectstore" (include "alpr-central.portOf" $values.objectStore.external.endpoint | int) }}
{{- range $servers }}
{{- if eq .mode "external" }}
- ports:
    - {port: {{ get $theirs .name }}, protocol: TCP}
{{- else }}
- to:
    - podSelector:
        matchLabels:
          ovr-alpr.io/server: {{ .name }}
  ports:
    - {port: {{ .port }}, protocol: TCP}
{{- end }}
{{- end }}
{{- end }}

{{/* The port of an address: what it says, else that of its scheme. */}}
{{- define "alpr-central.portOf" -}}
{{- $host := (urlParse (. | default "https://s3")).host }}
{{- if contains ":" $host }}{{ splitList ":" $host | last }}{{ else if hasPrefix "http:" . }}80{{ else }}443{{ end }}
{{- end }}

{{/* A pod at the folder of backups. Takes (dict "root" $ "name" NAME "steps" INIT-CONTAINERS "last" CONTAINER "secrets" (dict FOLDER
SECRET) "account" NAME); a container has `image` "ours" or "database", and `needs`, those folders of Secrets that it reads. */}}
{{- define "alpr-central.backupPod" -}}
{{- $root := .root }}
{{- $part := dict "root" .root "part" .name }}
{{- $security := include "alpr-lib.containerSecurity" .root | fromYaml }}
{{- $mounts := list (dict "name" "backups" "mountPath" "/backups") (dict "name" "tmp" "mountPath" "/tmp") (dict "name" "ca" "mountPath" "/etc/ovr-alpr/ca" "readOnly" true) }}
{{- $images := dict "ours" (include "alpr-lib.image" (dict "root" .root "image" .root.Values.secrets.image)) "database" (include "alpr-central.postgresImage" .root) }}
{{- $made := list }}
{{- range append .steps .last }}
{{- $own := $mounts }}
{{- range .needs }}{{ $own = append $own (dict "name" . "mountPath" (printf "/etc/ovr-alpr/secrets/%s" .) "readOnly" true) }}{{ end }}
{{- if eq .image "database" }}{{ $own = append $own (dict "name" "scripts" "mountPath" "/etc/ovr-alpr/backup" "readOnly" true) }}{{ end }}
{{- if .account }}{{ $own = append $own (dict "name" "account" "mountPath" "/var/run/secrets/kubernetes.io/serviceaccount" "readOnly" true) }}{{ end }}
{{- $one := dict "image" (get $images .image) "imagePullPolicy" $root.Values.imagePullPolicy "resources" $root.Values.backup.resources "securityContext" $security "volumeMounts" $own }}
{{- if eq .image "database" }}{{ $_ := set $one "env" (list (dict "name" "HOME" "value" "/tmp")) }}{{ end }}
{{- $made = append $made (merge $one (omit . "image" "needs" "account")) }}
{{- end }}
metadata:
  labels: {{- include "alpr-lib.labels" $part | nindent 4 }}
spec:
  # The token is mounted where it is used: PostgreSQL's programs need none.
  automountServiceAccountToken: false
  {{- with .account }}
  serviceAccountName: {{ . }}
  {{- end }}
  enableServiceLinks: false
  restartPolicy: Never
  {{- with include "alpr-lib.pullSecrets" .root }}
  {{- . | nindent 2 }}
  {{- end }}
  securityContext: {{- include "alpr-lib.podSecurity" 10001 | nindent 4 }}
  initContainers: {{- initial $made | toYaml | nindent 4 }}
  containers: {{- list (last $made) | toYaml | nindent 4 }}
  volumes:
    - name: backups
      persistentVolumeClaim: {claimName: {{ include "alpr-central.backupClaim" .root }}}
    - name: tmp
      emptyDir: {sizeLimit: 64Mi}
    - name: scripts
      configMap: {name: alpr-backup}
    - name: ca
      secret: {secretName: alpr-ca, defaultMode: 0440, optional: true}
    {{- range $folder, $secret := .secrets }}
    - {{- include "alpr-central.secretVolume" (dict "name" $folder "secret" $secret) | nindent 6 }}
    {{- end }}
    {{- if .account }}
    - name: account
      projected:
        defaultMode: 0440
        sources:
          - serviceAccountToken: {path: token, expirationSeconds: 7200}
          - configMap: {name: kube-root-ca.crt, items: [{key: ca.crt, path: ca.crt}]}
          - downwardAPI: {items: [{path: namespace, fieldRef: {fieldPath: metadata.namespace}}]}
    {{- end }}
  {{- with include "alpr-lib.placement" (dict "root" .root) | trim }}
  {{- . | nindent 2 }}
  {{- end }}
{{- end }}
