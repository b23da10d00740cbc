-- Argo CD judges no Application of its own accord; without this an app of apps takes every child for healthy at once, and its
-- waves mean nothing. A child is as healthy as it says, but not while it is being synced, nor after a sync that failed.
local function health(status, message)
  return { status = status, message = message }
end

if obj.metadata.deletionTimestamp ~= nil then
  return health("Progressing", "being deleted")
end
local status = obj.status or {}
local operation = status.operationState or {}
local told = status.health or {}
local because = operation.message or ""

if operation.phase == "Running" or operation.phase == "Terminating" then
  return health("Progressing", "being synced")
end
if operation.phase == "Failed" or operation.phase == "Error" then
  return health("Degraded", because ~= "" and because or "its last sync failed")
end
if told.status == nil then
  return health("Progressing", "not looked at yet")
end
return health(told.status, told.message or "")
