"""The resident helper: follows each server from its start to its death, and reports to the shell."""
