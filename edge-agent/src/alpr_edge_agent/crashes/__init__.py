"""Which camera a crash is charged to, and which cameras are set aside for it."""
