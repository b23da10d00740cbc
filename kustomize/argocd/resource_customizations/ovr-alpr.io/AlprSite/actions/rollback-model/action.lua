local rollout = obj.status ~= nil and obj.status.rollout or {}
if rollout.toDigest == nil or rollout.fromDigest == nil or rollout.fromDigest == rollout.toDigest then
  error("there is no state before this one to go back to")
end
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
-- It names the state that is left; the operator does not try that one again until the spec changes.
obj.metadata.annotations["ovr-alpr.io/rollback"] = rollout.toDigest
return obj
