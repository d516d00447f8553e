{{/* Gives each group of values that somebody set to null what values.yaml says of it. Every template begins with it: nobody knows which Helm takes first. */}}
{{- define "trtc-recorder.fill" -}}
{{- $values := .Values }}
{{- range $path, $group := include "trtc-recorder.groups" . | fromYaml }}
{{- $names := splitList "." $path }}
{{- $at := $values }}
{{- range initial $names }}{{ $at = get $at . }}{{ end }}
{{- if not (kindIs "map" (get $at (last $names))) }}
{{- $_ := set $at (last $names) $group }}
{{- end }}
{{- end }}
{{- end }}

{{/* A name or size as it was written: Helm reads numbers as floats, and would write a large one as 1.2e+07. */}}
{{- define "trtc-recorder.text" -}}
{{- if kindIs "float64" . }}{{ toJson . }}{{ else }}{{ toString . }}{{ end }}
{{- end }}

{{- define "trtc-recorder.name" -}}
{{- include "trtc-recorder.text" (default .Chart.Name .Values.nameOverride) | trunc 63 | trimAll "-" }}
{{- end }}

{{/* Services may not begin with a digit, nor have a dot, as a release may. */}}
{{- define "trtc-recorder.fullname" -}}
{{- $name := include "trtc-recorder.chosenName" . }}
{{- if regexMatch "^[0-9]" $name }}trtc-{{ end }}{{ $name }}
{{- end }}

{{- define "trtc-recorder.chosenName" -}}
{{- if .Values.fullnameOverride }}
{{- include "trtc-recorder.text" .Values.fullnameOverride | trunc 50 | trimAll "-" }}
{{- else if contains (include "trtc-recorder.name" .) .Release.Name }}
{{- .Release.Name | replace "." "-" | trunc 50 | trimAll "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "trtc-recorder.name" .) | replace "." "-" | trunc 50 | trimAll "-" }}
{{- end }}
{{- end }}

{{- define "trtc-recorder.selectorLabels" -}}
app.kubernetes.io/name: {{ include "trtc-recorder.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "trtc-recorder.gatewaySelectorLabels" -}}
app.kubernetes.io/name: {{ include "trtc-recorder.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: gateway
{{- end }}

{{- define "trtc-recorder.gatewayName" -}}
{{ printf "%s-gateway" (include "trtc-recorder.fullname" .) }}
{{- end }}

{{/* Namespaces in which the gateway may record, as JSON. */}}
{{- define "trtc-recorder.gatewayNamespaces" -}}
{{- default (default list .Values.watchNamespaces) .Values.gateway.namespaces | uniq | toJson }}
{{- end }}

{{- define "trtc-recorder.gatewayLabels" -}}
{{ include "trtc-recorder.gatewaySelectorLabels" . }}
{{ include "trtc-recorder.commonLabels" . }}
{{- end }}

{{- define "trtc-recorder.labels" -}}
{{ include "trtc-recorder.selectorLabels" . }}
{{ include "trtc-recorder.commonLabels" . }}
{{- end }}

{{- define "trtc-recorder.commonLabels" -}}
app.kubernetes.io/part-of: trtc-recorder
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* A quantity as a number. */}}
{{- define "trtc-recorder.quantity" -}}
{{- $text := include "trtc-recorder.text" . }}
{{- $unit := regexFind "[A-Za-z]*$" $text }}
{{- $factors := dict "" 1.0 "m" 0.001 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "E" 1e18 "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 "Pi" 1125899906842624.0 "Ei" 1152921504606846976.0 }}
{{- mulf (float64 (trimSuffix $unit $text)) (get $factors $unit) }}
{{- end }}

{{/* The first so many bits of an address, as text that is the same for all addresses that begin with them: (list "10.1.2.3" 8) is "10,0,0,0". */}}
{{- define "trtc-recorder.beginning" -}}
{{- $address := index . 0 }}
{{- $bits := index . 1 | int }}
{{- /* The last 32 bits of an IPv6 address may be written as IPv4 ones are. */}}
{{- if contains ":" $address }}
{{- with regexFind "[0-9]+([.][0-9]+){3}$" $address }}
{{- $octets := splitList "." . }}
{{- $high := add (mul (index $octets 0) 256) (index $octets 1) }}
{{- $low := add (mul (index $octets 2) 256) (index $octets 3) }}
{{- $address = printf "%s%x:%x" (trimSuffix . $address) $high $low }}
{{- end }}
{{- end }}
{{- $groups := splitList "." $address }}
{{- $width := 8 }}
{{- $base := "" }}
{{- if contains ":" $address }}
{{- $width = 16 }}
{{- $base = "0x" }}
{{- $sides := splitList "::" $address }}
{{- $left := splitList ":" (first $sides) | compact }}
{{- $right := splitList ":" (last $sides) | compact }}
{{- if eq (len $sides) 1 }}{{ $right = list }}{{ end }}
{{- $groups = $left }}
{{- range until (int (sub (sub 8 (len $left)) (len $right))) }}{{ $groups = append $groups "0" }}{{ end }}
{{- $groups = concat $groups $right }}
{{- end }}
{{- $kept := list }}
{{- range $index, $group := $groups }}
{{- $off := sub $width (max 0 (min $width (sub $bits (mul $index $width)))) }}
{{- $unit := 1 }}
{{- range until (int $off) }}{{ $unit = mul $unit 2 }}{{ end }}
{{- $kept = append $kept (mul (div (int64 (printf "%s%s" $base $group)) $unit) $unit) }}
{{- end }}
{{- join "," $kept }}
{{- end }}

{{/* A host of a list as CEL compares it: an address is written as Kubernetes writes it, whoever wrote it otherwise. */}}
{{- define "trtc-recorder.hostInCel" -}}
{{- $host := lower . | trimSuffix "." | trimPrefix "[" | trimSuffix "]" }}
{{- if or (contains ":" $host) (regexMatch "^[0-9.]+$" $host) }}string(ip('{{ $host }}')){{ else }}'{{ $host }}'{{ end }}
{{- end }}

{{/* Labels of (list "name of a template" . more): a label that both have is written once, and the more particular one counts. */}}
{{- define "trtc-recorder.labelsWith" -}}
{{- merge dict (default dict (index . 2)) (include (index . 0) (index . 1) | fromYaml) | toYaml }}
{{- end }}

{{/* Quoted: a name or namespace may be all digits. */}}
{{- define "trtc-recorder.namespace" -}}
{{ .Release.Namespace | quote }}
{{- end }}

{{- define "trtc-recorder.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- include "trtc-recorder.text" (default (include "trtc-recorder.fullname" .) .Values.serviceAccount.name) }}
{{- else }}
{{- include "trtc-recorder.text" (default "default" .Values.serviceAccount.name) }}
{{- end }}
{{- end }}

{{- define "trtc-recorder.recorderAccount" -}}
{{- include "trtc-recorder.text" (default (printf "%s-recorder" (include "trtc-recorder.fullname" .)) .Values.recorder.serviceAccount.name) }}
{{- end }}

{{/* The account of recorders whose Recording names none. It must exist wherever there are Recordings. */}}
{{- define "trtc-recorder.defaultRecorderAccount" -}}
{{- if or .Values.recorder.serviceAccount.name (and .Values.watchNamespaces .Values.recorder.serviceAccount.create) }}
{{- include "trtc-recorder.recorderAccount" . }}
{{- else -}}
default
{{- end }}
{{- end }}

{{/* registry/repository:tag@digest, of (list . .Values.image). A repository with a port has its registry in front. */}}
{{- define "trtc-recorder.image" -}}
{{- $root := index . 0 }}
{{- $image := index . 1 }}
{{- $registry := default "" (default ($root.Values.global).imageRegistry $image.registry) | trimSuffix "/" }}
{{- if and $registry (not (regexMatch "^[^/]*:" $image.repository)) }}{{ $registry }}/{{ end }}{{ $image.repository }}:{{ include "trtc-recorder.text" (default $root.Chart.AppVersion $image.tag) }}
{{- with $image.digest }}@{{ . }}{{ end }}
{{- end }}

{{/* Names of pull secrets, of (list . list…): the usual form is {name: x}; a bare name is taken too. */}}
{{- define "trtc-recorder.pullSecretNames" -}}
{{- $names := list }}
{{- range . }}{{- range . }}
{{- $names = append $names (kindIs "map" . | ternary . (dict "name" .)).name }}
{{- end }}{{- end }}
{{- $names | uniq | join "," }}
{{- end }}

{{- define "trtc-recorder.hasCaBundle" -}}
{{- if or .Values.caBundle.configMapName .Values.caBundle.secretName }}yes{{ end }}
{{- end }}

{{/* Only the line asks for them, and only with a ClusterRole can they be read. */}}
{{- define "trtc-recorder.readsPriorityClasses" -}}
{{- $limits := default dict .Values.limits }}
{{- if and (not .Values.watchNamespaces) (or $limits.recordingsPerNamespace $limits.recordingsPerCluster) }}yes{{ end }}
{{- end }}

{{- define "trtc-recorder.caVolume" -}}
name: ca-bundle
{{- with .Values.caBundle }}
{{- if .configMapName }}
configMap:
  name: {{ include "trtc-recorder.text" .configMapName | quote }}
{{- else }}
secret:
  secretName: {{ include "trtc-recorder.text" .secretName | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* A variable's value that arrives as it is written: Kubernetes makes one `$` of two, and puts another variable in place of `$(NAME)`. */}}
{{- define "trtc-recorder.literal" -}}
{{- replace "$" "$$" . | quote }}
{{- end }}

{{/* Outbound proxy and CA bundle, as Node reads them. */}}
{{- define "trtc-recorder.outboundEnv" -}}
{{- with .Values.proxy.httpProxy }}
- name: HTTP_PROXY
  value: {{ include "trtc-recorder.literal" . }}
{{- end }}
{{- with .Values.proxy.httpsProxy }}
- name: HTTPS_PROXY
  value: {{ include "trtc-recorder.literal" . }}
{{- end }}
{{- with .Values.proxy.noProxy }}
- name: NO_PROXY
  value: {{ include "trtc-recorder.literal" . }}
{{- end }}
{{- if include "trtc-recorder.hasCaBundle" . }}
- name: NODE_EXTRA_CA_CERTS
  value: /etc/trtc-recorder/ca/{{ .Values.caBundle.key }}
{{- end }}
{{- end }}

{{/* Variables with those of extraEnv, which win: (list $variables $extraEnv). Each name once, or server-side apply refuses them. */}}
{{- define "trtc-recorder.withExtraEnv" -}}
{{- $extra := default list (index . 1) }}
{{- $names := list }}
{{- range $extra }}{{- $names = append $names .name }}{{- end }}
{{- $own := list }}
{{- range index . 0 }}{{- if not (has .name $names) }}{{- $own = append $own . }}{{- end }}{{- end }}
{{- concat $own $extra | toYaml }}
{{- end }}

{{/* What every recorder Pod gets, as the operator reads it. Empty maps say nothing. No `$`: Kubernetes fills in what it finds in a variable, which is the recorder's to have. */}}
{{- define "trtc-recorder.recorderPod" -}}
{{- $recorder := .Values.recorder }}
{{- $env := include "trtc-recorder.withExtraEnv" (list (include "trtc-recorder.outboundEnv" . | fromYamlArray) $recorder.extraEnv) | fromYamlArray }}
{{- $volumes := default list $recorder.extraVolumes }}
{{- $mounts := default list $recorder.extraVolumeMounts }}
{{- if include "trtc-recorder.hasCaBundle" . }}
{{- $volumes = append $volumes (include "trtc-recorder.caVolume" . | fromYaml) }}
{{- $mounts = append $mounts (dict "name" "ca-bundle" "mountPath" "/etc/trtc-recorder/ca" "readOnly" true) }}
{{- end }}
{{- $pod := dict
  "labels" (default dict $recorder.podLabels)
  "annotations" (default dict $recorder.podAnnotations)
  "nodeSelector" (default dict $recorder.nodeSelector)
  "tolerations" (default list $recorder.tolerations)
  "affinity" (default dict $recorder.affinity)
  "topologySpreadConstraints" (default list $recorder.topologySpreadConstraints)
  "hostAliases" (default list $recorder.hostAliases)
  "dnsConfig" (default dict $recorder.dnsConfig)
  "podSecurityContext" (default dict $recorder.podSecurityContext)
  "containerSecurityContext" (default dict $recorder.securityContext)
  "env" (default list $env)
  "volumes" $volumes
  "volumeMounts" $mounts }}
{{- with $recorder.dnsPolicy }}{{- $_ := set $pod "dnsPolicy" . }}{{- end }}
{{- with $recorder.runtimeClassName }}{{- $_ := set $pod "runtimeClassName" (include "trtc-recorder.text" .) }}{{- end }}
{{- with $recorder.priorityClassName }}{{- $_ := set $pod "priorityClassName" (include "trtc-recorder.text" .) }}{{- end }}
{{- with $recorder.storageClassName }}{{- $_ := set $pod "storageClassName" (include "trtc-recorder.text" .) }}{{- end }}
{{- with $recorder.storageSize }}{{- $_ := set $pod "storageSize" (include "trtc-recorder.text" .) }}{{- end }}
{{- with $recorder.terminationGracePeriodSeconds }}{{- $_ := set $pod "terminationGracePeriodSeconds" (int .) }}{{- end }}
{{- toJson $pod | replace "$" `\u0024` }}
{{- end }}

{{/* What the operator may do to what is in the namespaces it serves: nothing that its code does not do. */}}
{{- define "trtc-recorder.rules" -}}
- apiGroups: [trtc-recorder.dev]
  resources: [recordings]
  # delete: those whose ttlSecondsAfterFinished is up, and those that are more than `retention` keeps.
  verbs: [get, list, watch, patch, delete]
- apiGroups: [trtc-recorder.dev]
  resources: [recordingclips]
  verbs: [get, list, watch, delete]
- apiGroups: [trtc-recorder.dev]
  resources: [recordings/status, recordingclips/status]
  verbs: [update, patch]
# To own what it makes, where the API server checks who may.
- apiGroups: [trtc-recorder.dev]
  resources: [recordings/finalizers, recordingclips/finalizers]
  verbs: [update]
- apiGroups: [""]
  resources: [pods, persistentvolumeclaims]
  verbs: [get, list, watch, create, patch, delete]
# Who a quota refused is let try again when there is room.
- apiGroups: [""]
  resources: [resourcequotas]
  verbs: [list, watch]
# Which release serves a namespace, so that no two do: one Lease in each, and one that says who serves all of them. RBAC cannot say under which name
# one may be created.
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [trtc-recorder.dev{{ if not .Values.watchNamespaces }}, all.trtc-recorder.dev{{ end }}]
  verbs: [get, list, watch, update]
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
{{- if include "trtc-recorder.readsPriorityClasses" . }}
# Their values order the line.
- apiGroups: [scheduling.k8s.io]
  resources: [priorityclasses]
  verbs: [list, watch]
{{- end }}
{{- if .Values.callback.signing.enabled }}
# The keys that sign callbacks, by name. The operator reads no other Secret, and lists none.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get]
{{- end }}
{{- end }}


{{/* Who a CRD belongs to, if there is one and it is not this release’s: of (list $ "recordings"). Helm would refuse to install over it. */}}
{{- define "trtc-recorder.foreignCrd" -}}
{{- $root := index . 0 }}
{{- with lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" (printf "%s.trtc-recorder.dev" (index . 1)) }}
{{- $annotations := default dict .metadata.annotations }}
{{- $owner := printf "%s/%s" (default "" (get $annotations "meta.helm.sh/release-namespace")) (default "" (get $annotations "meta.helm.sh/release-name")) }}
{{- if ne $owner (printf "%s/%s" $root.Release.Namespace $root.Release.Name) }}
{{- eq $owner "/" | ternary "not by Helm" (printf "release %s" $owner) }}
{{- end }}
{{- end }}
{{- end }}
