if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["ovr-alpr.io/quarantine"] = "true"
return obj
