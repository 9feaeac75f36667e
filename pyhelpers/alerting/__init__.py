"""Deliver alerts to hooks: in which order, how many, and to which other hook if one fails."""
