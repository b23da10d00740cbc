"""What statuses say: pure functions of what is seen and planned."""
