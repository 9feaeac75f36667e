"""What any program may need and no server is about: clocks, names and patterns, exit statuses, files, URLs."""
