-- Health of a Recording, a RecordingClip and a RecordingPolicy for Argo CD (argocd-cm: resource.customizations.health.trtc-recorder.dev_<kind>).
-- Healthy: it records, or all is stored; of a policy: it listens. Suspended: it is paused. Progressing: on its way into the room, or finishing, or going.
-- Degraded: something is missing, or somebody has to mend something.
local status = obj.status or {}

local function health(word, condition)
  if condition == nil then
    return { status = word, message = "Waiting for the operator" }
  end
  return { status = word, message = (condition.reason or condition.type) .. ": " .. (condition.message or "") }
end

local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end
local outcome = conditions.Succeeded or conditions.Ready

local function is(type)
  return conditions[type] ~= nil and conditions[type].status == "True"
end

if obj.metadata.deletionTimestamp ~= nil then
  return health("Progressing", outcome)
end
-- What is said of an earlier spec says nothing of this one.
if status.observedGeneration ~= nil and status.observedGeneration ~= obj.metadata.generation then
  return health("Progressing")
end
if is("Stalled") then
  return health("Degraded", conditions.Stalled)
end
if outcome == nil then
  return health("Progressing")
end
if outcome.status == "False" then
  return health("Degraded", outcome)
end
if outcome.status ~= "True" and is("Reconciling") then
  return health("Progressing", conditions.Reconciling)
end
if outcome.reason == "Paused" or outcome.reason == "Suspended" then
  return health("Suspended", outcome)
end
if outcome.status == "True" or outcome.reason == "Recording" then
  return health("Healthy", outcome)
end
return health("Progressing", outcome)
