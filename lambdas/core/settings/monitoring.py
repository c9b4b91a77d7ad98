"""Settings for monitoring: alarm recipients and thresholds, and the budget."""

from typing import Annotated

from pydantic import Field

from lambdas.core.settings.fields import Table

Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
Webhook = Annotated[str, Field(pattern=r"^https://\S+$")]
Count = Annotated[int, Field(ge=0)]
Percent = Annotated[float, Field(ge=0, le=100)]


class Alarms(Table):
    """Who is notified, and thresholds above which an alarm fires; counts and shares are per 5 minutes.

    Where traffic decides how much is much, a share and a count must both be exceeded.
    """

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
    function_errors: Count = Field(default=5, description="Failed invocations of a function, up to which none fires.")
    function_error_percent: Percent = Field(
        default=1, description="Failed invocations of a function, in percent of all its invocations."
    )
    function_throttles: Count = Field(
        default=500,
        description="Throttled invocations of a function, up to which none fires: a full lane postpones pictures.",
    )
    function_throttle_percent: Percent = Field(
        default=20, description="Throttled invocations of a function, in percent of all that were tried."
    )
    duration_percent: Percent = Field(
        default=90, gt=0, description="Longest invocation, in percent of the function's timeout."
    )
    queue_age_seconds: int = Field(
        default=900,
        ge=60,
        description="Age in seconds of a lane's oldest original; retried and postponed ones stay below.",
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
    viewer_function_errors: Count = Field(
        default=10, description="Failures of a CloudFront Function, up to which none fires."
    )
    viewer_function_error_percent: Percent = Field(
        default=0.1, description="Failures of a CloudFront Function, in percent of its invocations."
    )
    viewer_function_percent: Percent = Field(
        default=80, description="A CloudFront Function's compute time, in percent of its limit."
    )
    edge_function_errors: Count = Field(
        default=10, description="Failures of the Lambda@Edge function, up to which none fires."
    )
    edge_function_error_percent: Percent = Field(
        default=0.1, description="Failures of the Lambda@Edge function, in percent of the edge's requests."
    )
    web_acl_requests: Count = Field(
        default=10_000,
        description="Requests that the web ACL blocked, or would have blocked in count mode, up to which none fires.",
    )
    web_acl_percent: Percent = Field(default=5, description="Such requests, in percent of the edge's requests.")
    api_errors: Count = Field(default=10, description="5xx responses of the upload API, up to which none fires.")
    api_error_percent: Percent = Field(default=1, description="5xx responses of the upload API, in percent of all.")
    replication_seconds: int = Field(default=900, ge=60, description="Replication delay in seconds.")
    pending_replications: Count = Field(
        default=10_000, description="Derivatives that wait to be replicated, up to which none fires."
    )
    pending_growth_percent: Percent = Field(
        default=10, description="Growth of what waits to be replicated, in percent per 5 minutes, for 15 minutes."
    )
    failed_replications: Count = Field(default=0, description="Derivatives that could not be replicated.")


class Budget(Table):
    """An AWS budget for everything with this stage's tags; activate them as cost allocation tags."""

    monthly_usd: float = Field(gt=0, description="Monthly budget in USD. Required with a budget.")
    notify_percent: tuple[Annotated[int, Field(ge=1, le=1000)], ...] = Field(
        default=(80, 100),
        min_length=1,
        max_length=4,  # AWS takes five notifications of a budget: these, and one more for the forecast
        description="Percentages of the budget at which the alarms' recipients are notified, once they are spent; of"
        " the highest, also once it is forecast.",
    )
