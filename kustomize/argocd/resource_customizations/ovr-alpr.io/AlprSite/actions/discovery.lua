local annotations = obj.metadata.annotations or {}
local by_spec = obj.spec ~= nil and obj.spec.paused == true
local paused = annotations["ovr-alpr.io/paused"] == "true"
local rollout = obj.status ~= nil and obj.status.rollout or {}
local before = rollout.fromDigest ~= nil and rollout.toDigest ~= nil and rollout.fromDigest ~= rollout.toDigest

local actions = {}
actions["pause"] = {
  iconClass = "fa fa-fw fa-pause",
  displayName = "Pause: the operator changes nothing",
  disabled = paused or by_spec,
}
actions["resume"] = {
  iconClass = "fa fa-fw fa-play",
  -- A pause that stands in the spec is Git's, and is ended there.
  displayName = "Resume",
  disabled = not paused or by_spec,
}
actions["rebalance"] = {
  iconClass = "fa fa-fw fa-random",
  displayName = "Place all cameras anew, a few a minute",
  disabled = paused or by_spec,
}
actions["rollback-model"] = {
  iconClass = "fa fa-fw fa-undo",
  displayName = "Go back to the images and models before the last rollout",
  disabled = not before or rollout.phase == "RolledBack" or paused or by_spec,
}
return actions
