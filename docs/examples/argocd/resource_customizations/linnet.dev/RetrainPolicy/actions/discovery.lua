-- One run at a time.
local running = false
if obj.status ~= nil then
  for _, condition in ipairs(obj.status.conditions or {}) do
    if condition.type == "Running" and condition.status == "True" then
      running = true
    end
  end
end
return {["run"] = {["disabled"] = running}}
