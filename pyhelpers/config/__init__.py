"""What conf says: the grammar, the keys and their values, and the settled lines that all others read."""
