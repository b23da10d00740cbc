-- An EdgeAssignment is the operator's word to one node; it has no status. EdgeReport says what became of it.
local function health(status, message)
  return { status = status, message = message }
end

if obj.metadata.deletionTimestamp ~= nil then
  return health("Progressing", "being deleted")
end
local spec = obj.spec or {}
local cameras, released = #(spec.cameras or {}), #(spec.released or {})
if released > 0 then
  return health("Progressing", released .. " cameras wait until this node has let them go")
end
return health("Healthy", cameras .. " cameras, revision " .. tostring(spec.revision or 0))
