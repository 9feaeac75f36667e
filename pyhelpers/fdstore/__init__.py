"""Descriptors that the watcher holds for servers across their restarts."""
