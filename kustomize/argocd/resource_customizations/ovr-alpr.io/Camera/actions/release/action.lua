if obj.metadata.annotations ~= nil then
  obj.metadata.annotations["ovr-alpr.io/quarantine"] = nil
end
return obj
