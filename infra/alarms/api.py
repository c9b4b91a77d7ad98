"""The alarm of the upload API."""

from constructs import Construct

from infra.alarms.alarm import alarm, metric
from infra.names import Names


def api_alarm(scope: Construct, api_id: str, names: Names) -> None:
    """Watch the answers 5xx of the HTTP API ``api_id``."""
    alarm(
        scope,
        names=names,
        kind="api-errors",
        of="upload-api",
        means="The upload API answers with errors.",
        metric=metric("AWS/ApiGateway", "5xx", {"ApiId": api_id}, "Sum"),
        threshold=names.settings.alarms.api_errors,
    )
