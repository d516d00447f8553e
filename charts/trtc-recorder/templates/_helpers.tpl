{{- define "trtc-recorder.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "trtc-recorder.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains (include "trtc-recorder.name" .) .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "trtc-recorder.name" .) | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "trtc-recorder.selectorLabels" -}}
app.kubernetes.io/name: {{ include "trtc-recorder.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "trtc-recorder.labels" -}}
{{ include "trtc-recorder.selectorLabels" . }}
app.kubernetes.io/part-of: trtc-recorder
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "trtc-recorder.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "trtc-recorder.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "trtc-recorder.recorderAccount" -}}
{{- default (printf "%s-recorder" (include "trtc-recorder.fullname" .)) .Values.recorder.serviceAccount.name }}
{{- end }}

{{/* The account of recorders whose Recording names none. It must exist wherever there are Recordings. */}}
{{- define "trtc-recorder.defaultRecorderAccount" -}}
{{- if or .Values.recorder.serviceAccount.name (and .Values.watchNamespaces .Values.recorder.serviceAccount.create) }}
{{- include "trtc-recorder.recorderAccount" . }}
{{- else -}}
default
{{- end }}
{{- end }}

{{/* What the operator may do to what is in the namespaces it serves: nothing that its code does not do. */}}
{{- define "trtc-recorder.rules" -}}
- apiGroups: [trtc-recorder.dev]
  resources: [recordings]
  verbs: [get, list, watch, patch]
- apiGroups: [trtc-recorder.dev]
  resources: [recordings/status]
  verbs: [update, patch]
# To own what it makes, where the API server checks who may.
- apiGroups: [trtc-recorder.dev]
  resources: [recordings/finalizers]
  verbs: [update]
- apiGroups: [""]
  resources: [pods, persistentvolumeclaims]
  verbs: [get, list, watch, create, patch, delete]
# A result that is too long for the termination message.
- apiGroups: [""]
  resources: [pods/log]
  verbs: [get]
# What keeps a recorder's container from running is said in Events only.
- apiGroups: [""]
  resources: [events]
  verbs: [list]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- if .Values.callback.signing.enabled }}
# The keys that sign callbacks, by name. The operator reads no other Secret, and lists none.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get]
{{- end }}
{{- end }}
