"""`alpr kube` and `kubectl alpr`: sites, cameras and nodes for a person who looks, and the few things a person changes.

`kubectl.py` is the only module that speaks to a cluster, by calling kubectl: contexts, plug-ins for login and proxies
are then as the person has them. Everything else is a function of objects as the API gives them.
"""
