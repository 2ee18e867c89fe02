-- Which request does something in which phase: the table of docs/reference/requests.md. A test compares them.
local phases = {
  ["promote"] = {Stepping = true},
  ["promote-full"] = {Stepping = true, Baking = true},
  ["resume"] = {Starting = true, Stepping = true, Promoting = true, Baking = true},
  ["pause"] = {Starting = true, Stepping = true, Promoting = true, Baking = true},
  ["abort"] = {Starting = true, Stepping = true, Promoting = true, Baking = true},
  ["rollback"] = {AtRest = true, Starting = true, Stepping = true, Promoting = true, Baking = true, Finishing = true},
  ["retry"] = {AtRest = true},
  ["release"] = {
    AtRest = true, Starting = true, Stepping = true, Promoting = true, Baking = true, Finishing = true, RollingBack = true
  },
}
local phase = "AtRest"
local first = false
local held = obj.status ~= nil and obj.status.held ~= nil
if obj.status ~= nil and obj.status.rollout ~= nil then
  phase = obj.status.rollout.phase
  first = obj.status.rollout["from"] == nil
end
-- A person's pause in any phase, or a step that waits for one; spec.paused is for whoever writes the spec.
local paused = obj.status ~= nil and obj.status.rollout ~= nil and obj.status.rollout.paused == true
if obj.status ~= nil and obj.status.conditions ~= nil then
  for _, condition in ipairs(obj.status.conditions) do
    paused = paused or (condition.type == "Ready" and condition.reason == "Paused")
  end
end
if obj.spec ~= nil and obj.spec.paused == true then
  paused = false
end
local actions = {}
for verb, known in pairs(phases) do
  -- While the very first version starts there is nothing to go back to, nor to wait for.
  local fits = known[phase] == true and (verb == "release" or not first)
  if verb == "retry" then
    fits = fits and held
  elseif verb == "resume" then
    fits = fits and paused
  end
  actions[verb] = {["disabled"] = not fits}
end
return actions
