"""What was and what is, for people and for Prometheus: history, uptime, top, report, metrics."""
