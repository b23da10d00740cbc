-- An EdgeReport is what one node's agent says. Nodes are often away: that is told by AlprSite, within its tolerance.
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

if obj.metadata.deletionTimestamp ~= nil then
  return health("Progressing", "being deleted")
end
if obj.status == nil then
  return health("Progressing", "the agent has not reported yet")
end
if is("PipelineRunning", "False") then
  return health("Degraded", told("PipelineRunning", "the pipeline is not running"))
end
if is("AssignmentAccepted", "False") then
  return health("Degraded", told("AssignmentAccepted", "the agent does not accept its assignment"))
end
if is("DiskPressure", "True") then
  return health("Degraded", told("DiskPressure", "the disk is full"))
end
return health("Healthy", "revision " .. tostring(obj.status.appliedRevision or 0) .. " is applied")
