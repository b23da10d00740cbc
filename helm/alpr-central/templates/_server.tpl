{{/* A bundled server: one pod that keeps its name and its data, the Service that names it, and its volume where that is a folder of
the node. Takes (dict "root" $ "part" NAME "values" BUNDLED "container" CONTAINER "volumes" VOLUMES "ports" (dict NAME NUMBER)
"data" FOLDER "first" INIT-CONTAINERS "checksum" TEXT). */}}
{{- define "alpr-central.server" -}}
{{- $told := .values }}
{{- $common := dict "imagePullPolicy" .root.Values.imagePullPolicy "image" (include "alpr-lib.image" (dict "root" .root "image" $told.image)) }}
{{- $security := include "alpr-lib.containerSecurity" .root | fromYaml }}
{{- if not $told.readOnlyRootFilesystem }}{{ $_ := set $security "readOnlyRootFilesystem" false }}{{ end }}
{{- $_ := set $common "securityContext" $security }}
{{- $_ := set $common "resources" $told.resources }}
apiVersion: apps/v1
kind: StatefulSet
metadata: {{- include "alpr-lib.metadata" . | nindent 2 }}
spec:
  replicas: 1
  serviceName: {{ .part }}
  revisionHistoryLimit: 3
  persistentVolumeClaimRetentionPolicy:
    whenDeleted: {{ ternary "Delete" "Retain" $told.storage.deleteOnUninstall }}
    whenScaled: Retain
  selector:
    matchLabels: {{- include "alpr-lib.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "alpr-lib.labels" . | nindent 8 }}
        ovr-alpr.io/server: {{ .part }}
      annotations:
        checksum/config: {{ .checksum | sha256sum }}
    spec:
      automountServiceAccountToken: false
      enableServiceLinks: false
      terminationGracePeriodSeconds: 60
      {{- with include "alpr-lib.pullSecrets" .root }}
      {{- . | nindent 6 }}
      {{- end }}
      securityContext: {{- include "alpr-lib.podSecurity" (int $told.runAsUser) | nindent 8 }}
      {{- with .first }}
      initContainers:
        {{- range . }}
        - {{- merge . (deepCopy $common) | toYaml | nindent 10 }}
        {{- end }}
      {{- end }}
      containers:
        - {{- merge .container (deepCopy $common) | toYaml | nindent 10 }}
      volumes: {{- concat .volumes (list (dict "name" "tmp" "emptyDir" (dict "sizeLimit" "256Mi"))) | toYaml | nindent 8 }}
      {{- with include "alpr-lib.placement" (dict "root" .root) | trim }}
      {{- . | nindent 6 }}
      {{- end }}
  volumeClaimTemplates:
    - apiVersion: v1
      kind: PersistentVolumeClaim
      metadata:
        name: data
      spec:
        accessModes: [ReadWriteOnce]
        {{- if $told.storage.hostPath }}
        storageClassName: ""
        volumeName: {{ .root.Release.Namespace }}-{{ .part }}
        {{- else if $told.storage.className }}
        storageClassName: {{ $told.storage.className }}
        {{- end }}
        resources:
          requests:
            storage: {{ $told.storage.size }}
{{- if $told.storage.hostPath }}
---
{{ include "alpr-central.localVolume" (dict "root" .root "part" .part "claim" (printf "data-%s-0" .part) "storage" $told.storage "mode" "ReadWriteOnce") }}
{{- end }}
---
apiVersion: v1
kind: Service
metadata: {{- include "alpr-lib.metadata" . | nindent 2 }}
spec:
  selector: {{- include "alpr-lib.selector" . | nindent 4 }}
  ports:
    {{- range $name, $port := .ports }}
    - name: {{ $name }}
      port: {{ $port }}
      targetPort: {{ $port }}
      protocol: TCP
    {{- end }}
{{- if .root.Values.podDisruptionBudget.enabled }}
---
{{ include "alpr-lib.disruptionBudget" . }}
{{- end }}
{{- end }}

{{/* A folder of the node as a volume. Of type local, not hostPath: kubelet gives the folder to the pod's group, so that nothing needs
to run as root for it, and pods keep to the restricted profile. Takes (dict "root" $ "part" NAME "claim" NAME "storage" STORAGE "mode"
MODE). */}}
{{- define "alpr-central.localVolume" -}}
apiVersion: v1
kind: PersistentVolume
metadata:
  name: {{ .root.Release.Namespace }}-{{ .part }}
  labels: {{- include "alpr-lib.labels" . | nindent 4 }}
spec:
  accessModes: [{{ .mode }}]
  capacity:
    storage: {{ .storage.size }}
  persistentVolumeReclaimPolicy: Retain
  storageClassName: ""
  claimRef:
    apiVersion: v1
    kind: PersistentVolumeClaim
    namespace: {{ .root.Release.Namespace }}
    name: {{ .claim }}
  local:
    path: {{ .storage.hostPath }}
  nodeAffinity:
    required:
      nodeSelectorTerms:
        - matchExpressions:
            {{- if .storage.node }}
            - {key: kubernetes.io/hostname, operator: In, values: [{{ .storage.node | quote }}]}
            {{- else }}
            - {key: kubernetes.io/os, operator: In, values: [linux]}
            {{- end }}
{{- end }}

{{/* A volume of a Secret. Takes (dict "name" NAME "secret" SECRET). */}}
{{- define "alpr-central.secretVolume" -}}
name: {{ .name }}
secret: {secretName: {{ .secret }}, defaultMode: 0440}
{{- end }}

{{/* Names by which a Service is called inside the cluster. Takes (dict "root" $ "name" NAME). */}}
{{- define "alpr-central.names" -}}
{{- $ns := .root.Release.Namespace -}}
- {{ .name }}
- {{ .name }}.{{ $ns }}
- {{ .name }}.{{ $ns }}.svc
- {{ .name }}.{{ $ns }}.svc.cluster.local
{{- end }}

{{/* A server's mode, which the schema has checked. Takes (dict "root" $ "server" NAME). */}}
{{- define "alpr-central.mode" -}}
{{ (index .root.Values .server).mode }}
{{- end }}
