"""Many machines: which of them runs a singleton, and how all of them are.  See README.md."""
