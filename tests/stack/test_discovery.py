import pytest
from synthesized import Assembly, Resource

from lambdas.core.settings import Settings

PUBLISHED = (
    "originals-bucket",
    "derivatives-bucket",
    "images-table",
    "upload-api-url",
    "tenant-keys-table",
    "image-token-keys-table",
    "delivery-url",
    "distribution-id",
    "distribution-domain",
    "replica-bucket",
    "backfill-function-arn",
    "backfill-role-arn",
    "backfill-bucket",
    "lane-shared-queue-url",
    "lane-shared-dlq-url",
    "lane-shared-state-machine-arn",
    "lane-shared-pipe",
    "generator-function",
    "logs-bucket",
    "reports-bucket",
    "athena-workgroup",
    "glue-database",
    "alarm-topic",
    "dashboard",
)


@pytest.mark.parametrize("thing", PUBLISHED)
def test_value_is_published_as_a_parameter(aws: Assembly, settings: Settings, thing: str) -> None:
    for parameter in found(aws, settings.parameter_name(thing)):
        assert parameter.properties["Value"], str(parameter)


def test_every_parameter_is_an_output_of_its_stack_too(aws: Assembly) -> None:
    for parameter in aws.all("AWS::SSM::Parameter"):
        outputs = [output["Value"] for output in parameter.template["Outputs"].values()]
        assert parameter.properties["Value"] in outputs, str(parameter)


def found(assembly: Assembly, name: str) -> list[Resource]:
    """Return the parameters of that name: one, or one in each region with alarms."""
    parameters = [each for each in assembly.all("AWS::SSM::Parameter") if each.properties["Name"] == name]
    assert parameters, name
    assert len({each.stack for each in parameters}) == len(parameters), name
    return parameters
