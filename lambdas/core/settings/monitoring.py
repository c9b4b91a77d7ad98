"""Settings for monitoring: alarm recipients and thresholds, and the budget."""

from typing import Annotated

from pydantic import Field

from lambdas.core.settings.fields import Table

Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
Webhook = Annotated[str, Field(pattern=r"^https://\S+$")]
Count = Annotated[int, Field(ge=0)]
Percent = Annotated[float, Field(ge=0, le=100)]


class Alarms(Table):
    """Who is notified, and thresholds above which an alarm fires; counts are per 5 minutes."""

    runbook: str = Field(
        default="docs/runbooks.md",
        min_length=1,
        description="Address of the runbooks; alarms link into it. Set the URL at which your team reads them.",
    )
    emails: tuple[Email, ...] = Field(
        default=(), description="Email addresses notified by every alarm, once they confirm the subscription."
    )
    webhooks: tuple[Webhook, ...] = Field(default=(), description="HTTPS endpoints that every alarm is posted to.")
    delivery_metrics: bool = Field(
        default=True, description="Have CloudFront publish the cache hit ratio, and an alarm on it, for a price."
    )
    function_errors: Count = Field(default=5, description="Failed invocations of a function.")
    function_throttles: Count = Field(
        default=500,
        description="Throttled invocations of a function: a full lane postpones pictures, a small one many.",
    )
    duration_percent: Percent = Field(
        default=90, gt=0, description="Longest invocation, in percent of the function's timeout."
    )
    queue_age_seconds: int = Field(
        default=900, ge=60, description="Age in seconds of a lane's oldest waiting original."
    )
    dead_letters: Count = Field(default=0, description="Messages in a lane's dead-letter queue.")
    dead_letter_age_days: int = Field(
        default=10, ge=1, le=13, description="Age in days of a lane's oldest dead letter; SQS deletes it at 14."
    )
    failed_executions: Count = Field(default=0, description="Failed executions of a lane's state machine.")
    timed_out_executions: Count = Field(default=0, description="Timed out executions of a lane's state machine.")
    unrouted_originals: Count = Field(
        default=0, description="Originals that EventBridge could not deliver to a lane's queue."
    )
    server_error_percent: Percent = Field(default=1, description="5xx responses of the edge, in percent of all.")
    viewer_function_errors: Count = Field(default=10, description="Failures of a CloudFront Function.")
    viewer_function_percent: Percent = Field(
        default=80, description="A CloudFront Function's compute time, in percent of its limit."
    )
    edge_function_errors: Count = Field(default=10, description="Failures of the Lambda@Edge function.")
    web_acl_requests: Count = Field(
        default=10_000, description="Requests that the web ACL blocked, or would have blocked in count mode."
    )
    api_errors: Count = Field(default=10, description="5xx responses of the upload API.")
    replication_seconds: int = Field(default=900, ge=60, description="Replication delay in seconds.")
    pending_replications: Count = Field(default=10_000, description="Derivatives that wait to be replicated.")
    failed_replications: Count = Field(default=0, description="Derivatives that could not be replicated.")


class Budget(Table):
    """An AWS budget for everything with this stage's tags; activate them as cost allocation tags."""

    monthly_usd: float = Field(gt=0, description="Monthly budget in USD. Required with a budget.")
    notify_percent: tuple[Annotated[int, Field(ge=1, le=1000)], ...] = Field(
        default=(80, 100),
        min_length=1,
        max_length=5,
        description="Percentages of the budget, spent or forecast, at which the alarms' recipients are notified.",
    )
