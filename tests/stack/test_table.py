from synthesized import Assembly

from infra.names import Names
from lambdas.core.settings import Settings


def test_every_table_is_restorable_for_as_long_as_the_settings_say_and_paid_by_request(
    aws: Assembly, settings: Settings
) -> None:
    for table in aws.all("AWS::DynamoDB::Table"):
        assert table.properties["BillingMode"] == "PAY_PER_REQUEST", str(table)
        recovery = table.properties["PointInTimeRecoverySpecification"]
        assert recovery["RecoveryPeriodInDays"] == settings.storage.restore_days, str(table)
        assert table.properties["DeletionProtectionEnabled"] is settings.storage.protected, str(table)


def test_images_are_found_by_id_and_by_tenant(aws: Assembly, names: Names) -> None:
    images = aws.one("AWS::DynamoDB::Table", TableName=names.images_table).properties
    assert images["KeySchema"] == [{"AttributeName": "image_id", "KeyType": "HASH"}]
    (index,) = images["GlobalSecondaryIndexes"]
    assert index["IndexName"] == "by-tenant"
    assert [key["AttributeName"] for key in index["KeySchema"]] == ["tenant", "uploaded_at"]
