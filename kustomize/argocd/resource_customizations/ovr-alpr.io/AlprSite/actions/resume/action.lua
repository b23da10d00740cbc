if obj.metadata.annotations ~= nil then
  obj.metadata.annotations["ovr-alpr.io/paused"] = nil
end
return obj
