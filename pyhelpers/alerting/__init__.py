"""Hand alerts to hooks: in which order, how many, and who else when a hook is dead."""
