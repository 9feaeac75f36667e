"""Descriptors that are held for servers across their restarts."""
