-- AlprSite is kstatus compatible: observedGeneration, and the conditions Ready, Reconciling and Stalled.
-- Offline nodes within spec.edge.offlineTolerance leave Ready at True, so that one dead device holds up no sync.
local conditions = {}
if obj.status ~= nil and obj.status.conditions ~= nil then
  for _, condition in ipairs(obj.status.conditions) do
    conditions[condition.type] = condition
  end
end

local function is(kind, status)
  return conditions[kind] ~= nil and conditions[kind].status == status
end

local function told(kind, otherwise)
  local condition = conditions[kind]
  if condition ~= nil and condition.message ~= nil and condition.message ~= "" then
    return condition.message
  end
  return otherwise
end

local function health(status, message)
  return { status = status, message = message }
end

local annotations = obj.metadata.annotations or {}
local paused = annotations["ovr-alpr.io/paused"] == "true" or (obj.spec ~= nil and obj.spec.paused == true)

if obj.metadata.deletionTimestamp ~= nil then
  return health("Progressing", "being deleted")
end
if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return health("Progressing", "the operator has not taken up the last change yet")
end
if paused then
  return health("Suspended", "paused: the operator changes nothing")
end
if is("Stalled", "True") then
  return health("Degraded", told("Stalled", "stalled"))
end
if is("Ready", "True") then
  return health("Healthy", told("Ready", "ready"))
end
if is("Ready", "False") and is("Reconciling", "True") then
  return health("Progressing", told("Reconciling", "being worked on"))
end
return health("Degraded", told("Ready", "not ready"))
