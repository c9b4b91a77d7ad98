"""CloudFront invalidations of a takedown."""

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber

from lambdas.core.keys import new_image_id
from lambdas.core.takedown import BusyEdgeError, CloudFrontCache

IMAGE_ID = new_image_id()
PATHS = [f"/{IMAGE_ID}/*", f"/img/{IMAGE_ID}*"]


def order(*items: str) -> dict[str, Any]:
    batch = {"Paths": {"Quantity": len(items), "Items": list(items)}, "CallerReference": ANY}
    return {"DistributionId": "E1", "InvalidationBatch": batch}


def taken(invalidation_id: str, *items: str) -> dict[str, Any]:
    batch = {"Paths": {"Quantity": len(items), "Items": list(items)}, "CallerReference": "r"}
    order = {"Id": invalidation_id, "Status": "InProgress", "CreateTime": 0, "InvalidationBatch": batch}
    return {"Location": "l", "Invalidation": order}


@pytest.fixture
def client() -> Any:
    return boto3.client("cloudfront", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")


def test_one_image_is_invalidated_by_tag_and_paths(client: Any) -> None:
    with Stubber(client) as stub:
        stub.add_response("create_invalidation", taken("I1", f"#{IMAGE_ID}", *PATHS), order(f"#{IMAGE_ID}", *PATHS))
        assert CloudFrontCache(client, "E1").invalidate([IMAGE_ID]) == "I1"


def test_several_images_are_invalidated_by_tags(client: Any) -> None:
    others = [new_image_id() for _ in range(3)]
    tags = [f"#{other}" for other in others]
    with Stubber(client) as stub:
        stub.add_response("create_invalidation", taken("I1", *tags), order(*tags))
        assert CloudFrontCache(client, "E1").invalidate(others) == "I1"


def test_paths_are_used_if_cloudfront_rejects_tags(client: Any) -> None:
    with Stubber(client) as stub:
        stub.add_client_error("create_invalidation", "InvalidArgument", expected_params=order(f"#{IMAGE_ID}", *PATHS))
        stub.add_response("create_invalidation", taken("I2", *PATHS), order(*PATHS))
        assert CloudFrontCache(client, "E1").invalidate([IMAGE_ID]) == "I2"
        stub.assert_no_pending_responses()


BUSY = "TooManyInvalidationsInProgress"


def test_one_image_goes_by_its_tag_alone_while_no_wildcards_are_left(client: Any) -> None:
    with Stubber(client) as stub:
        stub.add_client_error("create_invalidation", BUSY, expected_params=order(f"#{IMAGE_ID}", *PATHS))
        stub.add_response("create_invalidation", taken("I2", f"#{IMAGE_ID}"), order(f"#{IMAGE_ID}"))
        assert CloudFrontCache(client, "E1").invalidate([IMAGE_ID]) == "I2"
        stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("images", "errors"),
    [
        (1, [BUSY, BUSY]),
        (3, [BUSY]),
        (1, ["InvalidArgument", BUSY]),
        (3, ["InvalidArgument", BUSY]),
        (1, ["Throttling", "Throttling"]),
        (3, ["TooManyRequestsException"]),
    ],
)
def test_a_busy_edge_is_told_apart(client: Any, images: int, errors: list[str]) -> None:
    with Stubber(client) as stub:
        for code in errors:
            stub.add_client_error("create_invalidation", code)
        with pytest.raises(BusyEdgeError):
            CloudFrontCache(client, "E1").invalidate([new_image_id() for _ in range(images)])
        stub.assert_no_pending_responses()


def test_other_errors_are_raised(client: Any) -> None:
    with Stubber(client) as stub:
        stub.add_client_error("create_invalidation", "AccessDenied")
        with pytest.raises(ClientError, match="AccessDenied"):
            CloudFrontCache(client, "E1").invalidate([IMAGE_ID])
