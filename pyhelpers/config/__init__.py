"""What conf says: its grammar, its keys and values, and the settled lines that all other programs read."""
