"""A lane: EventBridge rule ▸ SQS queue and dead letters ▸ pipe ▸ Express state machine ▸ its own functions."""
