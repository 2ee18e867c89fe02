-- The triggers stand (Healthy), are suspended, or something must be mended: the policy, or the code of the last run.
local health = {status = "Progressing", message = "waiting for Linnet to look at it"}
if obj.metadata.deletionTimestamp ~= nil then
  health.message = "being deleted"
  return health
end
if obj.status == nil or obj.status.conditions == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return health
end
local ready, running
for _, condition in ipairs(obj.status.conditions) do
  if condition.type == "Ready" then
    ready = condition
  elseif condition.type == "Running" then
    running = condition
  end
end
if ready == nil then
  return health
end
health.message = ready.reason .. ": " .. (ready.message or "")
if ready.status == "False" then
  health.status = "Degraded"
elseif ready.status == "True" then
  health.status = "Healthy"
  if ready.reason == "Suspended" then
    health.status = "Suspended"
  elseif running ~= nil and (running.reason == "TrainingFailed" or running.reason == "ClaimRefused") then
    health.status = "Degraded"
    health.message = running.reason .. ": " .. (running.message or "")
  end
end
return health
