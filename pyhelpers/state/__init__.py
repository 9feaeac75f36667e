"""What is written down below STATE_DIR, and who may read it."""
