"""EventBridge Pipes on one machine: messages from an SQS queue to an Express state machine."""
