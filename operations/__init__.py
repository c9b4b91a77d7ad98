"""What operators and flows do to a deployed platform: one module a task, shared by the command and the flows."""
