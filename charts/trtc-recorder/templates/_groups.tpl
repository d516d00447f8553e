{{/* Generated from values.yaml and values.schema.json by `npm run generate`. Do not edit. */}}
{{- define "trtc-recorder.groups" -}}
global:
  imageRegistry: ""
  imagePullSecrets: []
image:
  registry: ""
  repository: trtc-recorder/operator
  tag: ""
  digest: ""
  pullPolicy: IfNotPresent
gateway:
  enabled: false
  image:
    registry: ""
    repository: trtc-recorder/gateway
    tag: ""
    digest: ""
    pullPolicy: IfNotPresent
  replicas: 2
  callersSecret: ""
  callersKey: callers.yaml
  namespaces: []
  keepHours: 72
  rightsPolicy: true
  tokenReview:
    enabled: false
    audiences: []
  policies:
    enabled: false
    applicationsSecret: ""
    applicationsKey: applications.yaml
  service:
    type: ClusterIP
    port: 80
    annotations: {}
  ingress:
    enabled: false
    className: ""
    host: ""
    tlsSecret: ""
    annotations: {}
  trustedProxies: []
  networkPolicyFrom: []
  drainSeconds: 10
  logLevel: info
  resources:
    requests:
      cpu: 100m
      memory: 128Mi
    limits:
      memory: 256Mi
  serviceAccount:
    annotations: {}
  podLabels: {}
  podAnnotations: {}
  nodeSelector: {}
  tolerations: []
  affinity: {}
gateway.image:
  registry: ""
  repository: trtc-recorder/gateway
  tag: ""
  digest: ""
  pullPolicy: IfNotPresent
gateway.tokenReview:
  enabled: false
  audiences: []
gateway.policies:
  enabled: false
  applicationsSecret: ""
  applicationsKey: applications.yaml
gateway.service:
  type: ClusterIP
  port: 80
  annotations: {}
gateway.ingress:
  enabled: false
  className: ""
  host: ""
  tlsSecret: ""
  annotations: {}
gateway.serviceAccount:
  annotations: {}
rbac:
  create: true
  aggregate: true
serviceAccount:
  create: true
  name: ""
  annotations: {}
recorder:
  image:
    registry: ""
    repository: trtc-recorder/recorder
    tag: ""
    digest: ""
    pullPolicy: IfNotPresent
  imagePullSecrets: []
  resources:
    requests:
      cpu: 500m
      memory: 768Mi
    limits:
      memory: 2Gi
  chromiumArgs: ""
  serviceAccount:
    create: true
    name: ""
    annotations: {}
  podLabels:
    sidecar.istio.io/inject: "false"
  podAnnotations:
    linkerd.io/inject: disabled
  nodeSelector: {}
  tolerations: []
  affinity: {}
  topologySpreadConstraints: []
  priorityClassName: ""
  runtimeClassName: ""
  storageClassName: ""
  storageSize: 10Gi
  terminationGracePeriodSeconds: 1800
  hostAliases: []
  dnsPolicy: ""
  dnsConfig: {}
  podSecurityContext:
    runAsNonRoot: true
    runAsUser: 1000
    runAsGroup: 1000
    fsGroup: 1000
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      type: RuntimeDefault
  securityContext:
    allowPrivilegeEscalation: false
    readOnlyRootFilesystem: true
    capabilities:
      drop:
        - ALL
  extraEnv: []
  extraVolumes: []
  extraVolumeMounts: []
recorder.image:
  registry: ""
  repository: trtc-recorder/recorder
  tag: ""
  digest: ""
  pullPolicy: IfNotPresent
recorder.serviceAccount:
  create: true
  name: ""
  annotations: {}
policy:
  networkProxyHosts: null
  cosEndpoints: null
  priorityClassNames: null
  serviceAccountNames: null
  tolerationKeys: null
  secrets: Any
  namespaceSelector: {}
callback:
  signing:
    enabled: false
  privateAddresses: true
  allow: []
  deny: []
  timeoutSeconds: 10
  giveUpSeconds: 86400
  giveUpDeletedSeconds: 600
callback.signing:
  enabled: false
caBundle:
  configMapName: ""
  secretName: ""
  key: ca.crt
proxy:
  httpProxy: ""
  httpsProxy: ""
  noProxy: ""
crds:
  enabled: true
  keep: true
metrics:
  service:
    enabled: true
    annotations: {}
  podMonitor:
    enabled: false
    interval: 30s
    labels: {}
  serviceMonitor:
    enabled: false
    interval: 30s
    labels: {}
  prometheusRule:
    enabled: false
    labels: {}
    runbookUrl: docs/operations.md
  dashboard:
    enabled: false
    labels:
      grafana_dashboard: "1"
metrics.service:
  enabled: true
  annotations: {}
metrics.podMonitor:
  enabled: false
  interval: 30s
  labels: {}
metrics.prometheusRule:
  enabled: false
  labels: {}
  runbookUrl: docs/operations.md
metrics.dashboard:
  enabled: false
  labels:
    grafana_dashboard: "1"
metrics.serviceMonitor:
  enabled: false
  interval: 30s
  labels: {}
networkPolicy:
  enabled: false
  metricsFrom: []
  recorder: true
  exceptCidrs:
    - 169.254.0.0/16
podDisruptionBudget:
  enabled: true
  maxUnavailable: 1
{{- end }}
