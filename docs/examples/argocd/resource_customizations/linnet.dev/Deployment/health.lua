-- What Git asks for serves (Healthy), is on its way (Progressing), waits for a person (Suspended), or was refused or rolled
-- back (Degraded). The Deployment's own status says it all: Argo CD does not look from a parent to its children.
local health = {status = "Progressing", message = "waiting for Linnet to look at it"}
if obj.metadata.deletionTimestamp ~= nil then
  health.message = "being deleted"
  return health
end
if obj.status == nil or obj.status.conditions == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return health
end
local ready, available
for _, condition in ipairs(obj.status.conditions) do
  if condition.type == "Ready" then
    ready = condition
  elseif condition.type == "Available" then
    available = condition
  end
end
if ready == nil then
  return health
end
health.message = ready.reason .. ": " .. (ready.message or "")
if ready.status == "True" then
  health.status = "Healthy"
elseif ready.reason == "Paused" then
  health.status = "Suspended"
elseif ready.status == "False" then
  -- Some pods serve and others are being replaced: that passes.
  local passing = ready.reason == "NoPodsReady" and available ~= nil and available.status == "True"
  if not passing and ready.reason ~= "Starting" then
    health.status = "Degraded"
  end
end
return health
