{{- define "chat.name" -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "chat.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- /* Takes [root, component]. */ -}}
{{- define "chat.selector" -}}
app.kubernetes.io/name: {{ (index . 0).Chart.Name }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "chat.labels" -}}
{{ include "chat.selector" . }}
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
helm.sh/chart: {{ printf "%s-%s" (index . 0).Chart.Name (index . 0).Chart.Version }}
{{- end -}}

{{- /*
Settings stand in the pods themselves: a hook finds no ConfigMap yet, and a change rolls the pods. A component's own go
before the shared ones; copied, since `merge` writes into what it is given. Takes [root, component].
*/ -}}
{{- define "chat.env" -}}
{{- $ := index . 0 -}}
{{- $own := index $.Values (index . 1) -}}
- {name: KEK_FOLDER, value: /run/chat/keys}
- {name: SIGNING_KEY_FILE, value: /run/chat/keys/signing.pem}
- {name: EXPORT_FOLDER, value: /exports}
- {name: ERASURE_LEDGER, value: /ledger}
{{- range $name, $value := merge (deepCopy ($own.settings | default dict)) $.Values.settings }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- range $name, $secret := merge (deepCopy ($own.secrets | default dict)) $.Values.secrets }}
- name: {{ $name }}
  valueFrom:
    secretKeyRef: {name: {{ $secret.name | quote }}, key: {{ $secret.key | quote }}}
{{- end }}
{{- end -}}

{{- define "chat.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "chat.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end -}}

{{- /* A mounted secret is open to more than its user, which the service refuses. It may run again in the same pod. */ -}}
{{- define "chat.copyKeys" -}}
- name: keys
  image: {{ include "chat.image" . }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  command: [sh, -ec]
  args: ["umask 077 && rm -rf /run/chat/keys && mkdir /run/chat/keys && cp /secret/* /run/chat/keys/"]
  {{- include "chat.containerSecurity" . | nindent 2 }}
  resources:
    requests: {cpu: 10m, memory: 16Mi}
    limits: {memory: 32Mi}
  volumeMounts:
    - {name: keys, mountPath: /run/chat}
    - {name: secret, mountPath: /secret, readOnly: true}
{{- end -}}

{{- /* Takes [root, whether it writes exports and the ledger]. */ -}}
{{- define "chat.volumeMounts" -}}
- {name: tmp, mountPath: /tmp}
- {name: keys, mountPath: /run/chat, readOnly: true}
{{- if (index . 0).Values.exports.claimName }}
- {name: exports, mountPath: /exports, readOnly: {{ not (index . 1) }}}
{{- end }}
{{- if index . 1 }}
- {name: ledger, mountPath: /ledger}
{{- end }}
{{- end -}}

{{- /* Takes [root, whether it writes exports and the ledger]. */ -}}
{{- define "chat.volumes" -}}
{{- $ := index . 0 -}}
- name: tmp
  emptyDir: {sizeLimit: 64Mi}
- name: keys
  emptyDir: {medium: Memory, sizeLimit: 1Mi}
- name: secret
  secret: {secretName: {{ $.Values.keys.secretName | quote }}, defaultMode: 0444}
{{- with $.Values.exports.claimName }}
- name: exports
  persistentVolumeClaim: {claimName: {{ . | quote }}}
{{- end }}
{{- if index . 1 }}
- name: ledger
  persistentVolumeClaim: {claimName: {{ $.Values.ledger.claimName | quote }}}
{{- end }}
{{- end -}}

{{- define "chat.probes" -}}
startupProbe:
  httpGet: {path: /health/live, port: http}
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /health/live, port: http}
  periodSeconds: 10
  timeoutSeconds: 5
readinessProbe:
  httpGet: {path: /health/ready, port: http}
  periodSeconds: 5
  timeoutSeconds: 5
{{- end -}}

{{- /* Takes [root, component]. */ -}}
{{- define "chat.placement" -}}
{{- $of := index (index . 0).Values (index . 1) -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{ include "chat.selector" . | nindent 8 }}
{{- with $of.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $of.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $of.affinity }}
affinity: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
