{{/* Nothing in, nothing out, for every pod of the release: what each part needs is opened by a policy of its own. Takes the root. */}}
{{- define "alpr-lib.defaultDeny" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{- include "alpr-lib.metadata" (dict "root" . "part" .Chart.Name "name" (printf "%s-default-deny" .Chart.Name)) | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      app.kubernetes.io/instance: {{ .Release.Name }}
      app.kubernetes.io/part-of: ovr-alpr
  policyTypes: [Ingress, Egress]
{{- end }}

{{/* Opens a part. Takes (dict "root" $ "part" NAME "ingress" RULES "egress" RULES "annotations" MAP). Names are looked up by
whoever sends anything. */}}
{{- define "alpr-lib.networkPolicy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "alpr-lib.metadata" . | nindent 2 }}
  {{- with .annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  podSelector:
    matchLabels: {{- include "alpr-lib.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  {{- with .ingress }}
  ingress: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if .egress }}
  egress:
    {{- include "alpr-lib.names" . | nindent 4 }}
    {{- toYaml .egress | nindent 4 }}
  {{- end }}
{{- end }}

{{/* Look-ups of names, wherever the cluster answers them. */}}
{{- define "alpr-lib.names" -}}
- ports:
    - port: 53
      protocol: UDP
    - port: 53
      protocol: TCP
{{- end }}

{{/* One replica at a time may be away. Takes (dict "root" $ "part" NAME). Not minAvailable: with one replica that would block
every drain of its node. */}}
{{- define "alpr-lib.disruptionBudget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{- include "alpr-lib.metadata" . | nindent 2 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels: {{- include "alpr-lib.selector" . | nindent 6 }}
{{- end }}
