{{/* Pieces of CEL that several admission policies share. */}}

{{/* A list of strings, for `in`. */}}
{{- define "linnet.cel.strings" -}}
[{{ range $i, $each := . }}{{ if $i }}, {{ end }}'{{ $each }}'{{ end }}]
{{- end -}}

{{/* Usernames of this operator, and of others that the platform runs beside it. */}}
{{- define "linnet.cel.operators" -}}
{{- $names := list (include "linnet.username" .) -}}
{{- range .Values.admission.operators -}}
{{- $names = append $names (printf "system:serviceaccount:%s:%s" .namespace .name) -}}
{{- end -}}
{{- include "linnet.cel.strings" $names -}}
{{- end -}}

{{/* Kubernetes' own controllers that make and unmake our children: each has an account, or all share one. */}}
{{- define "linnet.cel.controllers" -}}
{{- $names := list "system:kube-controller-manager" -}}
{{- range list "deployment-controller" "replicaset-controller" "job-controller" "cronjob-controller" "generic-garbage-collector" "namespace-controller" -}}
{{- $names = append $names (printf "system:serviceaccount:kube-system:%s" .) -}}
{{- end -}}
{{- include "linnet.cel.strings" $names -}}
{{- end -}}

{{/* Labels of ours at a path of an object, as a list of `<where>key=value`. */}}
{{- define "linnet.cel.marksAt" -}}
(has({{ .path }}.labels) ? {{ .path }}.labels.map(k, k.startsWith('linnet.dev/'), {{ with .where }}'{{ . }} ' + {{ end }}k + '=' + {{ .path }}.labels[k]) : [])
{{- end -}}

{{/* Labels of ours in the pod templates of an object: controllers stamp them on what they make. */}}
{{- define "linnet.cel.templateMarks" -}}
(has({{ . }}.spec) && has({{ . }}.spec.template) && has({{ . }}.spec.template.metadata) ? {{ include "linnet.cel.marksAt" (dict "path" (printf "%s.spec.template.metadata" .) "where" "spec.template") }} : [])
+ (has({{ . }}.spec) && has({{ . }}.spec.jobTemplate) && has({{ . }}.spec.jobTemplate.metadata) ? {{ include "linnet.cel.marksAt" (dict "path" (printf "%s.spec.jobTemplate.metadata" .) "where" "spec.jobTemplate") }} : [])
+ (has({{ . }}.spec) && has({{ . }}.spec.jobTemplate) && has({{ . }}.spec.jobTemplate.spec.template.metadata) ? {{ include "linnet.cel.marksAt" (dict "path" (printf "%s.spec.jobTemplate.spec.template.metadata" .) "where" "spec.jobTemplate.spec.template") }} : [])
{{- end -}}

{{/* Images of a pod, or of the pods that an object makes, each with its container's name. */}}
{{- define "linnet.cel.images" -}}
(has({{ . }}.spec) && has({{ . }}.spec.initContainers) ? {{ . }}.spec.initContainers.map(c, c.name + '=' + (has(c.image) ? c.image : '')) : [])
+ (has({{ . }}.spec) && has({{ . }}.spec.containers) ? {{ . }}.spec.containers.map(c, c.name + '=' + (has(c.image) ? c.image : '')) : [])
+ (has({{ . }}.spec) && has({{ . }}.spec.template) && has({{ . }}.spec.template.spec) && has({{ . }}.spec.template.spec.initContainers) ? {{ . }}.spec.template.spec.initContainers.map(c, c.name + '=' + (has(c.image) ? c.image : '')) : [])
+ (has({{ . }}.spec) && has({{ . }}.spec.template) && has({{ . }}.spec.template.spec) && has({{ . }}.spec.template.spec.containers) ? {{ . }}.spec.template.spec.containers.map(c, c.name + '=' + (has(c.image) ? c.image : '')) : [])
+ (has({{ . }}.spec) && has({{ . }}.spec.jobTemplate) && has({{ . }}.spec.jobTemplate.spec.template.spec.initContainers) ? {{ . }}.spec.jobTemplate.spec.template.spec.initContainers.map(c, c.name + '=' + (has(c.image) ? c.image : '')) : [])
+ (has({{ . }}.spec) && has({{ . }}.spec.jobTemplate) && has({{ . }}.spec.jobTemplate.spec.template.spec.containers) ? {{ . }}.spec.jobTemplate.spec.template.spec.containers.map(c, c.name + '=' + (has(c.image) ? c.image : '')) : [])
{{- end -}}

{{/* References of an object to owners of our kinds. */}}
{{- define "linnet.cel.owners" -}}
(has({{ . }}.metadata.ownerReferences) ? {{ . }}.metadata.ownerReferences.filter(r, r.apiVersion.startsWith('linnet.dev/')).map(r, r.apiVersion + ' ' + r.kind + '/' + r.name + ' ' + r.uid + (has(r.controller) && r.controller ? ' controller' : '')) : [])
{{- end -}}

{{/* Whether an object bears the label by which the operator tries, in a dry run, that this policy is in force. */}}
{{- define "linnet.cel.isProbe" -}}
request.operation != 'DELETE' && request.operation != 'CONNECT' && has(object.metadata.labels)
&& 'linnet.dev/probe' in object.metadata.labels && object.metadata.labels['linnet.dev/probe'] == '{{ . }}'
{{- end -}}

{{/* The namespaces of a policy: those that the operator works in. */}}
{{- define "linnet.policies.namespaces" -}}
{{- with .Values.watchNamespaces -}}
namespaceSelector:
  matchExpressions:
    - {key: kubernetes.io/metadata.name, operator: In, values: {{ toJson . }}}
{{- else -}}
namespaceSelector: {}
{{- end }}
{{- end -}}

{{/* A policy is bound to all that it matches. */}}
{{- define "linnet.policies.binding" -}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ .name }}
  labels:
    {{- include "linnet.labels" .root | nindent 4 }}
spec:
  policyName: {{ .name }}
  validationActions: [Deny]
{{- end -}}

{{/* What a spec would have pods of ours use for its author, which a pod could use as well; `.spec` and `.pod` are CEL. */}}
{{- define "linnet.cel.uses" -}}
(has({{ .spec }}.source) && has({{ .spec }}.source.uri) && {{ .spec }}.source.uri.startsWith('pvc://')
? ['the claim ' + {{ .spec }}.source.uri.split('/')[2] + ' (spec.source.uri)'] : [])
+ (has({{ .spec }}.training) && has({{ .spec }}.training.output) && has({{ .spec }}.training.output.uri)
&& {{ .spec }}.training.output.uri.startsWith('pvc://')
? ['the claim ' + {{ .spec }}.training.output.uri.split('/')[2] + ' (spec.training.output.uri)'] : [])
+ (has({{ .pod }}.imagePullSecrets) ? {{ .pod }}.imagePullSecrets.map(s, 'the Secret ' + s.name + ' (imagePullSecrets)') : [])
+ (has({{ .pod }}.storage) && has({{ .pod }}.storage.class)
? ['volumes of the StorageClass ' + {{ .pod }}.storage.class + ' (storage.class)'] : [])
+ (has({{ .pod }}.tolerations) ? {{ .pod }}.tolerations.filter(t, !has(t.key) || t.key == '' || t.key == 'CriticalAddonsOnly'
|| t.key.startsWith('node-role.kubernetes.io/')).map(t, 'nodes with the taint ' + (has(t.key) && t.key != '' ? t.key : '*') + ' (tolerations)') : [])
+ (has({{ .pod }}.nodeSelector) ? {{ .pod }}.nodeSelector.filter(k, k == 'kubernetes.io/hostname'
|| k.startsWith('node-role.kubernetes.io/')).map(k, 'nodes by ' + k + ' (nodeSelector)') : [])
+ (has({{ .pod }}.affinity) && has({{ .pod }}.affinity.nodeAffinity)
&& has({{ .pod }}.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution)
? {{ .pod }}.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms.filter(t,
has(t.matchFields) || (has(t.matchExpressions) && t.matchExpressions.exists(e, e.key == 'kubernetes.io/hostname'
|| e.key.startsWith('node-role.kubernetes.io/')))).map(t, 'nodes by name or role (affinity.nodeAffinity)') : [])
{{- range $kind := list "podAffinity" "podAntiAffinity" }}
+ (has({{ $.pod }}.affinity) && has({{ $.pod }}.affinity.{{ $kind }})
&& ((has({{ $.pod }}.affinity.{{ $kind }}.requiredDuringSchedulingIgnoredDuringExecution)
&& {{ $.pod }}.affinity.{{ $kind }}.requiredDuringSchedulingIgnoredDuringExecution.exists(t, has(t.namespaces) || has(t.namespaceSelector)))
|| (has({{ $.pod }}.affinity.{{ $kind }}.preferredDuringSchedulingIgnoredDuringExecution)
&& {{ $.pod }}.affinity.{{ $kind }}.preferredDuringSchedulingIgnoredDuringExecution.exists(t,
has(t.podAffinityTerm.namespaces) || has(t.podAffinityTerm.namespaceSelector))))
? ['pods of other namespaces (affinity.{{ $kind }})'] : [])
{{- end }}
{{- end -}}

{{/* The names that a Namespace's annotation lists, separated by commas. */}}
{{- define "linnet.cel.namespaceLists" -}}
(has(namespaceObject.metadata.annotations) && '{{ . }}' in namespaceObject.metadata.annotations
? namespaceObject.metadata.annotations['{{ . }}'].split(',').map(n, n.trim()) : [])
{{- end -}}

{{/* Host names that neither the platform nor the namespace consents to, of those that are new. */}}
{{- define "linnet.cel.allowedHostnames" -}}
{{ include "linnet.cel.strings" .Values.authors.hostnames }} + {{ include "linnet.cel.namespaceLists" "linnet.dev/hostnames" }}
{{- end -}}
{{- define "linnet.cel.refusedHostnames" -}}
variables.hostnames.filter(h, !(h in variables.formerHostnames) && !variables.allowedHostnames.exists(a,
a == '*' || a == h || (a.startsWith('*.') && h.endsWith(a.substring(1)))))
{{- end -}}
