{{- define "linnet.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "linnet.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (include "linnet.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "linnet.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "linnet.selectorLabels" -}}
app.kubernetes.io/name: {{ include "linnet.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end -}}

{{- /* Labels of the chart's own objects only: what the operator makes carries linnet.dev labels. */ -}}
{{- define "linnet.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/name: {{ include "linnet.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: linnet
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "linnet.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "linnet.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "linnet.fullname" .) }}
{{- else if .Values.serviceAccount.name -}}
{{ .Values.serviceAccount.name }}
{{- else -}}
{{- fail "serviceAccount.create: false needs serviceAccount.name: the namespace's account `default` is every pod's, and each would be the operator" }}
{{- end -}}
{{- end -}}

{{- /* The operator's username, as the API server knows it. */ -}}
{{- define "linnet.username" -}}
system:serviceaccount:{{ .Release.Namespace }}:{{ include "linnet.serviceAccountName" . }}
{{- end -}}

{{- /* What the operator may do in the namespaces that it works in. No Secret, no node, no wildcard. */ -}}
{{- define "linnet.rules" -}}
- apiGroups: [linnet.dev]
  resources: [models, deployments, rolloutpolicies, retrainpolicies]
  verbs: [get, list, watch]
- apiGroups: [linnet.dev]
  resources: [modelversions]
  verbs: [get, list, watch, create, delete]
- apiGroups: [linnet.dev]
  resources: [requests] # create: a forged one, as a dry run, to prove the admission policy; patch: the label linnet.dev/answered
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [linnet.dev]
  resources: [models/status, modelversions/status, deployments/status, retrainpolicies/status, requests/status]
  verbs: [update]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [replicasets] # to know whose pod it is: by uid, from the pod up to the Deployment
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies] # delete: a validation's, once its pods are gone
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes, grpcroutes] # of Deployments with traffic type Gateway
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [gateway.networking.k8s.io]
  resources: [gateways, gatewayclasses] # whether a gateway makes copies, and keeps sessions
  verbs: [get]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch]
- apiGroups: [batch]
  resources: [jobs, cronjobs]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [configmaps] # evidence, and a Model's contract: by name, never listed
  verbs: [get, create, patch]
- apiGroups: [""]
  resources: [pods] # patch: the label linnet.dev/loaded
  verbs: [get, list, watch, patch, delete]
- apiGroups: [""]
  resources: [serviceaccounts] # only the label linnet.dev/allow-pods
  verbs: [get]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end -}}

{{/* The Secrets that endpoints of hooks need, as sources of one projected volume; empty if there are none. */}}
{{- define "linnet.hookSecrets" -}}
{{- range .Values.hooks.endpoints }}
{{- $name := .name }}
{{- with .tokenSecret }}
- secret: {name: {{ .name }}, items: [{key: {{ .key | default "token" }}, path: {{ $name }}/token}]}
{{- end }}
{{- with .caSecret }}
- secret: {name: {{ .name }}, items: [{key: {{ .key | default "ca.crt" }}, path: {{ $name }}/ca.crt}]}
{{- end }}
{{- end }}
{{- end }}

{{/* The port of a URL: what it names, or its scheme's own. */}}
{{- define "linnet.port" -}}
{{- $address := urlParse . -}}
{{- regexFind "[0-9]+$" (regexFind ":[0-9]+$" $address.host) | default (ternary "443" "80" (eq $address.scheme "https")) -}}
{{- end }}
