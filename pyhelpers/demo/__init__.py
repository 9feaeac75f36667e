"""Stand-ins for the demo."""
