"""What any program may need, without any knowledge of servers: clocks, patterns, exit statuses, files, URLs."""
