"""The operator: AlprSite and Camera in, edge workloads and assignments out."""
