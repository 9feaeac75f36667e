"""Wait for what happens next, and end processes, without blocking."""
