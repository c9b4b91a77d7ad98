"""The replica of the derivatives in the second region, and the alarms on replication and on failover to it."""

from constructs import Construct

from infra.alarms.replication import progress_alarms
from infra.assets import Assets
from infra.constructs.replica import FallbackShare
from infra.constructs.storage import allow_edge_reads, picture_bucket
from infra.names import Names
from infra.stacks.base import DarkroomStack


class ReplicaStack(DarkroomStack):
    """The bucket that CloudFront fails over to."""

    def __init__(self, scope: Construct, names: Names, assets: Assets) -> None:
        super().__init__(
            scope,
            "Replica",
            names=names,
            region=names.settings.regions.replica,
            description="Darkroom: the copy of the derivatives that the edge falls back to",
        )
        bucket = picture_bucket(self, "Derivatives", names.replica_bucket, self.settings, request_metrics=True)
        allow_edge_reads(bucket, self.settings)
        self.publish("replica-bucket", bucket.bucket_name, "Bucket that the edge falls back to")
        FallbackShare(self, "Fallback", names=names, assets=assets)
        progress_alarms(self, names)
