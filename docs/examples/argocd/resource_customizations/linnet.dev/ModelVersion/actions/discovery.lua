-- A failed validation can be tried again; a quarantine can be set, or taken away.
local failed = false
local quarantined = false
if obj.status ~= nil then
  quarantined = obj.status.quarantine ~= nil
  for _, condition in ipairs(obj.status.conditions or {}) do
    if condition.type == "Ready" and condition.status == "False" then
      failed = true
    end
  end
end
return {
  ["retry"] = {["disabled"] = not failed},
  ["quarantine"] = {["disabled"] = quarantined},
  ["release"] = {["disabled"] = not quarantined},
}
