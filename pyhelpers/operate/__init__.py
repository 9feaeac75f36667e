"""An operator's orders and questions, with a running monitor or without one."""
