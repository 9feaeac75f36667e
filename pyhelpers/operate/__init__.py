"""What an operator orders and asks, beside a running monitor or without one."""
