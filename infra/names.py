"""Every AWS name, made from the settings and the account.

Stacks, regions and the edge use these names instead of references between stacks, so that a resource can be named in
another region before it exists.
"""

from dataclasses import dataclass
from typing import Literal

from lambdas.core.settings import EDGE_REGION, FunctionName, Settings

_MAX_BUCKET_NAME = 63
_MAX_NAME = 64  # functions and pipes; queues, tables and state machines take more

AlarmKind = Literal[
    "function-errors",
    "function-throttles",
    "function-duration",
    "queue-age",
    "dead-letters",
    "dead-letter-age",
    "executions-failed",
    "executions-timed-out",
    "originals-unrouted",
    "delivery-errors",
    "hit-ratio",
    "served-from-replica",
    "viewer-function-errors",
    "viewer-function-utilization",
    "edge-function-errors",
    "web-acl-requests",
    "api-errors",
    "replication-latency",
    "replication-pending",
    "replication-failed",
]
"""Each is a heading of ``docs/runbooks.md`` and the anchor of the link to it."""


class NameTooLongError(ValueError):
    """The settings' name, stage and region make a name longer than AWS allows."""


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one stage in one account (twelve digits)."""

    settings: Settings
    account: str

    def of(self, thing: str) -> str:
        """Return the name of a ``thing`` of the stage: ``darkroom-dev-images``.

        Raises:
            NameTooLongError: longer than 64 characters, the limit of Lambda and EventBridge Pipes.
        """
        return _checked(f"{self.settings.prefix}-{thing}", _MAX_NAME)

    def stack(self, kind: str) -> str:
        """Return a stack's name: ``DarkroomDevStorage``."""
        return f"{self.settings.name.capitalize()}{self.settings.stage.capitalize()}{kind}"

    def bucket(self, thing: str, region: str) -> str:
        """Return a bucket's name, globally unique by its account and region.

        Raises:
            NameTooLongError: longer than 63 characters, the limit of S3.
        """
        return _checked(f"{self.settings.prefix}-{thing}-{self.account}-{region}", _MAX_BUCKET_NAME)

    @property
    def signing_keys_alias(self) -> str:
        """The alias of the KMS key that encrypts the tables of signing keys."""
        return f"alias/{self.of('signing-keys')}"

    @property
    def originals_bucket(self) -> str:
        """The bucket of uploaded bytes, in the primary region."""
        return self.bucket("originals", self.settings.regions.primary)

    @property
    def derivatives_bucket(self) -> str:
        """The bucket that the edge serves from, in the primary region."""
        return self.bucket("derivatives", self.settings.regions.primary)

    @property
    def replica_bucket(self) -> str:
        """The replica of the derivatives that the edge fails over to, in the replica region."""
        return self.bucket("derivatives", self.settings.regions.replica)

    @property
    def replica_arn(self) -> str:
        """The ARN of the replica bucket."""
        return f"arn:aws:s3:::{self.replica_bucket}"

    @property
    def originals_arn(self) -> str:
        """The ARN of the originals bucket."""
        return f"arn:aws:s3:::{self.originals_bucket}"

    @property
    def derivatives_arn(self) -> str:
        """The ARN of the derivatives bucket."""
        return f"arn:aws:s3:::{self.derivatives_bucket}"

    @property
    def logs_bucket(self) -> str:
        """The bucket of the edge's access logs."""
        return self.bucket("logs", EDGE_REGION)

    @property
    def reports_bucket(self) -> str:
        """The bucket of rendered reports, and of the reports of operations."""
        return self.bucket("reports", EDGE_REGION)

    @property
    def results_bucket(self) -> str:
        """The bucket of Athena's results."""
        return self.bucket("athena", EDGE_REGION)

    @property
    def backfill_bucket(self) -> str:
        """The bucket of backfill manifests and reports, in the primary region, where the jobs run."""
        return self.bucket("backfill", self.settings.regions.primary)

    @property
    def buckets(self) -> dict[str, str]:
        """Every bucket of the stage, and its region."""
        regions = self.settings.regions
        return {
            self.originals_bucket: regions.primary,
            self.derivatives_bucket: regions.primary,
            self.replica_bucket: regions.replica,
            self.logs_bucket: EDGE_REGION,
            self.bucket("reports", EDGE_REGION): EDGE_REGION,
            self.bucket("athena", EDGE_REGION): EDGE_REGION,
            self.backfill_bucket: regions.primary,
        }

    @property
    def images_table(self) -> str:
        """The table with each image's state and outcome."""
        return self.of("images")

    @property
    def edge_log_group(self) -> str:
        """The log group of the Lambda@Edge function, with the same name in every region.

        In groups below /aws/lambda/, Lambda@Edge would prefix the name with us-east-1.
        """
        return f"/{self.settings.name}/{self.settings.stage}/edge/origin-request"

    def function(self, name: FunctionName, lane: str | None = None) -> str:
        """Return a Lambda function's name: ``darkroom-dev-generate``, in a lane ``darkroom-dev-shared-derive``."""
        return self.of("-".join(filter(None, (lane, name.replace("_", "-")))))

    def function_region(self, name: FunctionName) -> str:
        """Return the region of a function."""
        regions = {"origin_request": EDGE_REGION, "fallback_share": self.settings.regions.replica}
        return regions.get(name, self.settings.regions.primary)

    def function_arn(self, name: FunctionName, lane: str | None = None) -> str:
        """Return the ARN of a function."""
        return f"arn:aws:lambda:{self.function_region(name)}:{self.account}:function:{self.function(name, lane)}"

    @property
    def table_arn(self) -> str:
        """The ARN of the images table."""
        return f"arn:aws:dynamodb:{self.settings.regions.primary}:{self.account}:table/{self.images_table}"

    def queue_arn(self, thing: str) -> str:
        """Return the ARN of a queue, by the thing that it is named for."""
        return f"arn:aws:sqs:{self.settings.regions.primary}:{self.account}:{self.of(thing)}"

    @property
    def metrics_namespace(self) -> str:
        """The CloudWatch namespace of the handlers' metrics, by service and tenant."""
        return f"{self.settings.name}/{self.settings.stage}"

    def alarm(self, subject: str, kind: AlarmKind) -> str:
        """Return an alarm's name: ``darkroom-dev-shared-derive-function-errors``."""
        return f"{self.settings.prefix}-{subject}-{kind}"  # CloudWatch takes 255 characters

    def alarm_topic_arn(self, region: str) -> str:
        """Return the ARN of the topic that the alarms of ``region`` notify; alarms cannot notify another region's."""
        return f"arn:aws:sns:{region}:{self.account}:{self.of('alarms')}"

    def parameter_arn(self, thing: str, region: str) -> str:
        """Return the ARN of the SSM parameter that publishes ``thing`` in ``region``."""
        return f"arn:aws:ssm:{region}:{self.account}:parameter{self.settings.parameter_name(thing)}"


def _checked(name: str, longest: int) -> str:
    if len(name) > longest:
        raise NameTooLongError(
            f"expected a name of at most {longest} characters but received {name!r} ({len(name)}):"
            " shorten the name, the stage or the tenant in darkroom.toml"
        )
    return name
