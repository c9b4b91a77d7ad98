"""Alarms as ``darkroom.toml`` describes them: whom they tell, where their runbook is read, and what is too much."""

from typing import Annotated

from pydantic import Field

from lambdas.core.settings.table import Table

Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
Webhook = Annotated[str, Field(pattern=r"^https://\S+$")]
Count = Annotated[int, Field(ge=0)]
Percent = Annotated[float, Field(ge=0, le=100)]


class Alarms(Table):
    """Thresholds: an alarm rings above each of them, for counts within five minutes."""

    runbook: str = Field(min_length=1, description="Address of docs/runbooks.md; an alarm's text adds its anchor.")
    emails: tuple[Email, ...] = Field(description="Addresses that every alarm is sent to, once they confirmed it.")
    webhooks: tuple[Webhook, ...] = Field(description="HTTPS endpoints that every alarm is posted to.")
    delivery_metrics: bool = Field(description="Have CloudFront publish the hit ratio too, for a price.")
    function_errors: Count = Field(description="Failed invocations of one function.")
    function_throttles: Count = Field(description="Refused invocations of one function.")
    duration_percent: Percent = Field(gt=0, description="Longest invocation, in percent of the function's timeout.")
    queue_age_seconds: int = Field(ge=60, description="Age of the oldest original that waits for a lane.")
    dead_letters: Count = Field(description="Messages that a lane gave up on.")
    dead_letter_age_days: int = Field(ge=1, le=13, description="Age of a lane's oldest dead letter; SQS forgets at 14.")
    failed_executions: Count = Field(description="Failed executions of a lane's state machine.")
    timed_out_executions: Count = Field(description="Executions that a lane's state machine did not end in time.")
    unrouted_originals: Count = Field(description="Originals that EventBridge could not hand to a lane's queue.")
    server_error_percent: Percent = Field(description="Answers 5xx of the edge, in percent of all.")
    viewer_function_errors: Count = Field(description="Failures of a CloudFront Function.")
    viewer_function_percent: Percent = Field(
        description="A CloudFront Function's time, in percent of what it may take."
    )
    edge_function_errors: Count = Field(description="Failures of the Lambda@Edge function.")
    web_acl_requests: Count = Field(description="Requests that the web ACL refused, or would refuse where it counts.")
    api_errors: Count = Field(description="Answers 5xx of the upload API.")
    replication_seconds: int = Field(ge=60, description="How far the replica may be behind, in seconds.")
    pending_replications: Count = Field(description="Derivatives that wait to be replicated.")
    failed_replications: Count = Field(description="Derivatives that could not be replicated.")
