import pytest
from synthesized import Assembly

from lambdas.settings import Settings

PUBLISHED = (
    "originals-bucket",
    "derivatives-bucket",
    "images-table",
    "upload-api-url",
    "tenant-keys-secret",
    "image-token-keys-secret",
    "delivery-url",
    "distribution-id",
    "lane-shared-queue-url",
    "lane-shared-dlq-url",
    "lane-shared-state-machine-arn",
    "lane-shared-pipe",
    "generator-function",
    "logs-bucket",
    "reports-bucket",
    "athena-workgroup",
    "glue-database",
)


@pytest.mark.parametrize("thing", PUBLISHED)
def test_it_is_found_by_its_parameter(aws: Assembly, settings: Settings, thing: str) -> None:
    parameter = aws.one("AWS::SSM::Parameter", Name=settings.parameter_name(thing))
    assert parameter.properties["Value"]
