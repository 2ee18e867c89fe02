-- Asks Linnet to promote-full: past the remaining steps, or the end of the bake.
-- Linnet's admission policy takes a Request only in the caller's own name: this is the account with which Argo CD runs
-- actions in its own cluster. For another cluster it is the one of that cluster's Secret. Argo CD does not track what an
-- action creates, and must not: Linnet refuses a Request that would be asked again.
local user = "system:serviceaccount:argocd:argocd-server"
local os = require("os")
local request = {}
request.apiVersion = "linnet.dev/v1alpha1"
request.kind = "Request"
request.metadata = {}
request.metadata.namespace = obj.metadata.namespace
request.metadata.name = obj.metadata.name .. "-promote-full-" .. os.date("!%Y%m%d%H%M%S")
request.spec = {}
request.spec.target = {}
request.spec.target.kind = "Deployment"
request.spec.target.name = obj.metadata.name
request.spec.verb = "promote-full"
request.spec.user = user
local created = {}
created.operation = "create"
created.resource = request
return {created}
