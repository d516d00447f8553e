-- Health of a Recording for Argo CD (argocd-cm: resource.customizations.health.trtc-recorder.dev_Recording).
-- Healthy: it records, or all is stored. Suspended: it is paused. Progressing: on its way into the room, or finishing. Degraded: something is missing.
local status = obj.status or {}

local function health(word, condition)
  return { status = word, message = condition and (condition.reason .. ": " .. (condition.message or "")) or "Waiting for the operator" }
end

if status.conditions == nil or (status.observedGeneration or -1) < (obj.metadata.generation or 0) then
  return health("Progressing")
end

local conditions = {}
for _, condition in ipairs(status.conditions) do
  conditions[condition.type] = condition
end
local succeeded = conditions.Succeeded
if succeeded == nil then
  return health("Progressing")
end

if conditions.Stalled ~= nil and conditions.Stalled.status == "True" then
  return health("Degraded", conditions.Stalled)
end
if succeeded.status == "True" then
  return health("Healthy", succeeded)
end
if succeeded.status == "False" then
  return health("Degraded", succeeded)
end
if conditions.Reconciling ~= nil and conditions.Reconciling.status == "True" then
  return health("Progressing", conditions.Reconciling)
end
if succeeded.reason == "Paused" then
  return health("Suspended", succeeded)
end
if succeeded.reason == "Recording" then
  return health("Healthy", succeeded)
end
return health("Progressing", succeeded)
