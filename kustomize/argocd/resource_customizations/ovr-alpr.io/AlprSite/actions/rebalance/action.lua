local os = require("os")
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
-- Any new value asks for it; the operator takes the mark off when no move is left to make.
obj.metadata.annotations["ovr-alpr.io/rebalance"] = os.date("!%Y-%m-%dT%XZ")
return obj
