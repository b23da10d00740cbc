local annotations = obj.metadata.annotations or {}
local quarantined = annotations["ovr-alpr.io/quarantine"] == "true"

local actions = {}
actions["quarantine"] = {
  iconClass = "fa fa-fw fa-ban",
  displayName = "Quarantine: serve it nowhere",
  disabled = quarantined,
}
actions["release"] = {
  iconClass = "fa fa-fw fa-check",
  displayName = "Release from quarantine",
  disabled = not quarantined,
}
return actions
