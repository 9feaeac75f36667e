"""Does a living server serve?  Heartbeats, checks and limits."""
