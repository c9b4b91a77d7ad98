"""Faults of each kind that an audit knows, planted in the local stack."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from lane import Lane, Original, pictures

from infra.local.stack import LocalStack
from lambdas.core import life
from lambdas.core.keys import ImageId, new_image_id
from lambdas.core.stores.images import ImagesTable
from lambdas.core.takedown import VersionedObjects
from operations.audit.faults import Fault

TENANT = "demo"
LOST = "512x0.webp"


@dataclass(frozen=True)
class Planted:
    """The image of each fault; ``sound`` has none."""

    no_outcome: ImageId
    not_begun: ImageId
    no_progress: ImageId
    other_version: ImageId
    no_original: ImageId
    no_derivative: ImageId
    not_replicated: ImageId
    no_image: ImageId
    returned: ImageId
    unfinished: ImageId
    sound: ImageId

    @property
    def findings(self) -> list[tuple[Fault, ImageId]]:
        """What an audit is to find: derivatives that should not be there in both regions."""
        return sorted(
            [
                (Fault.NO_OUTCOME, self.no_outcome),
                (Fault.NO_OUTCOME, self.not_begun),
                (Fault.NO_PROGRESS, self.no_progress),
                (Fault.OTHER_VERSION, self.other_version),
                (Fault.NO_ORIGINAL, self.no_original),
                (Fault.NO_DERIVATIVE, self.no_derivative),
                (Fault.NOT_REPLICATED, self.not_replicated),
                (Fault.NO_IMAGE, self.no_image),
                (Fault.NO_IMAGE, self.no_image),
                (Fault.RETURNED, self.returned),
                (Fault.RETURNED, self.returned),
                (Fault.UNFINISHED, self.unfinished),
            ]
        )

    @property
    def announced(self) -> set[ImageId]:
        """Those that announcing their originals mends."""
        return {self.no_outcome, self.not_begun, self.no_progress, self.other_version}


def plant(stack: LocalStack) -> Planted:
    """Upload pictures, harm them, and put derivatives and tombstones where there is no image."""
    settings, s3, replica = stack.settings, stack.client("s3"), stack.client("s3", stack.settings.regions.replica)
    derivatives, originals = stack.parameter("derivatives-bucket"), stack.parameter("originals-bucket")
    replica_name = settings.parameter_name("replica-bucket")
    replicas = str(stack.client("ssm", settings.regions.replica).get_parameter(Name=replica_name)["Parameter"]["Value"])
    images = ImagesTable(stack.client("dynamodb"), stack.parameter("images-table"))
    lane = Lane(stack)
    put = pictures(8, TENANT, 64, 48)
    lane.put(put)
    lane.await_outcomes(put)
    lane.await_empty()
    no_outcome, not_begun, no_progress, other_version, no_original, no_derivative, not_replicated, sound = put
    for original in (no_outcome, not_begun):
        _delete_row(stack, original)
        for client, bucket in ((s3, derivatives), (replica, replicas)):
            VersionedObjects(client, bucket).erase_folder(f"{original.image_id}/")
    now = datetime.now(UTC)
    images.apply(not_begun.image_id, life.expect(_upload(not_begun), now))
    _set(stack, no_progress, "#state = :new, claimed_until = :past", {":new": {"S": "processing"}, ":past": {"N": "0"}})
    # The id of a version that this key does not have, as after its expiry.
    elsewhere = lane.records([sound])[sound.image_id]["original"]["version_id"]
    _set(stack, other_version, "original.version_id = :new", {":new": {"S": elsewhere}})
    s3.delete_object(Bucket=originals, Key=no_original.key)
    s3.delete_object(Bucket=derivatives, Key=f"{no_derivative.image_id}/{LOST}")
    replica.delete_object(Bucket=replicas, Key=f"{not_replicated.image_id}/{LOST}")
    stray, returned, unfinished = (new_image_id() for _ in range(3))
    long_ago = now - timedelta(hours=2)
    for image_id in (returned, unfinished):
        images.apply(image_id, life.remove(TENANT, None, long_ago))
    images.apply(returned, life.finish(now))
    for image_id in (stray, returned):
        s3.put_object(Bucket=derivatives, Key=f"{image_id}/{LOST}", Body=b"nobody's")
    return Planted(
        no_outcome=no_outcome.image_id,
        not_begun=not_begun.image_id,
        no_progress=no_progress.image_id,
        other_version=other_version.image_id,
        no_original=no_original.image_id,
        no_derivative=no_derivative.image_id,
        not_replicated=not_replicated.image_id,
        no_image=stray,
        returned=returned,
        unfinished=unfinished,
        sound=sound.image_id,
    )


def _upload(original: Original) -> dict[str, Any]:
    return {
        "tenant": original.tenant,
        "key": original.key,
        "bytes": len(original.content),
        "requested_at": life.format_instant(datetime.now(UTC)),
    }


def _delete_row(stack: LocalStack, original: Original) -> None:
    stack.client("dynamodb").delete_item(
        TableName=stack.parameter("images-table"), Key={"image_id": {"S": original.image_id}}
    )


def _set(stack: LocalStack, original: Original, assignments: str, values: dict[str, Any]) -> None:
    stack.client("dynamodb").update_item(
        TableName=stack.parameter("images-table"),
        Key={"image_id": {"S": original.image_id}},
        UpdateExpression=f"SET {assignments}",
        ExpressionAttributeValues=values,
        **({"ExpressionAttributeNames": {"#state": "state"}} if "#state" in assignments else {}),
    )
