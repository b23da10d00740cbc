-- Camera is kstatus compatible: observedGeneration, and the conditions Ready, Assigned, Streaming and CredentialsValid.
-- A camera that does not stream, or that refuses its password, is no fault of what Git says: it must not hold up a sync.
-- AlprSite's status counts such cameras.
local conditions = {}
if obj.status ~= nil and obj.status.conditions ~= nil then
  for _, condition in ipairs(obj.status.conditions) do
    conditions[condition.type] = condition
  end
end

local function is(kind, status)
  return conditions[kind] ~= nil and conditions[kind].status == status
end

local function because(kind, reason)
  return is(kind, "False") and conditions[kind].reason == reason
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

if obj.metadata.deletionTimestamp ~= nil then
  return health("Progressing", "being deleted")
end
if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return health("Progressing", "the operator has not taken up the last change yet")
end
if annotations["ovr-alpr.io/quarantine"] == "true" then
  return health("Suspended", "in quarantine: served nowhere")
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
if because("Assigned", "Releasing") or because("Assigned", "Waiting") then
  return health("Progressing", told("Assigned", "on its way to a node"))
end
if is("Assigned", "True") and (not is("CredentialsValid", "False") or because("CredentialsValid", "AuthFailed")) then
  return health("Healthy", "assigned, but " .. told("Ready", "its pictures do not come in"))
end
return health("Degraded", told("Ready", "not ready"))
