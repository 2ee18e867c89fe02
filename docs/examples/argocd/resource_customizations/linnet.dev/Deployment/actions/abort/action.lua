-- Asks Linnet to abort: back, without blame.
-- Linnet's admission policy takes a request only in the caller's own name: this is the account with which Argo CD runs
-- actions in its own cluster. For another cluster it is the one of that cluster's Secret.
local user = "system:serviceaccount:argocd:argocd-server"
local os = require("os")
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["linnet.dev/request"] = "abort - argocd-" .. os.date("!%Y%m%dT%H%M%S") .. " " .. user
return obj
