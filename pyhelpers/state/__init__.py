"""The files below STATE_DIR, and who may read them."""
