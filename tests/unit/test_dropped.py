import pytest

from infra.local.cloudformation.dropped import collect_dropped, to_lifecycle_rules, to_replication_rules


def test_references_inside_dropped_properties_become_outputs() -> None:
    rules = [{"Status": "Enabled", "Destination": {"Bucket": {"Fn::GetAtt": ["Replica", "Arn"]}}}]
    replication = {"Role": {"Fn::GetAtt": ["Role", "Arn"]}, "Rules": rules}
    template = {
        "Resources": {
            "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"ReplicationConfiguration": replication}},
            "Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"CorsConfiguration": {"MaxAge": 5}}},
            "Queue": {"Type": "AWS::SQS::Queue"},
        },
        "Outputs": {"Kept": {"Value": "x"}},
    }

    with_outputs, dropped = collect_dropped(template)

    assert [(each.logical_id, each.name) for each in dropped] == [
        ("Bucket", "ReplicationConfiguration"),
        ("Api", "CorsConfiguration"),
    ]
    added = {name: output for name, output in with_outputs["Outputs"].items() if name != "Kept"}
    assert [output["Value"] for output in added.values()] == [
        {"Fn::GetAtt": ["Role", "Arn"]},
        {"Fn::GetAtt": ["Replica", "Arn"]},
    ]
    assert all(name.isalnum() for name in added), "CloudFormation takes letters and digits only"
    assert with_outputs["Resources"] == template["Resources"]


def test_a_template_without_dropped_properties_is_unchanged() -> None:
    template = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {}}}}

    assert collect_dropped(template) == (template, [])


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (
            {"Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}},
            {"Filter": {"Prefix": ""}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}},
        ),
        (
            {"Status": "Enabled", "Prefix": "a/", "ExpirationInDays": 3},
            {"Filter": {"Prefix": "a/"}, "Expiration": {"Days": 3}},
        ),
        (
            {"Status": "Enabled", "Transitions": [{"StorageClass": "GLACIER", "TransitionInDays": 30}]},
            {"Filter": {"Prefix": ""}, "Transitions": [{"StorageClass": "GLACIER", "Days": 30}]},
        ),
        (
            {"Status": "Enabled", "NoncurrentVersionExpiration": {"NoncurrentDays": 7, "NewerNoncurrentVersions": 2}},
            {
                "Filter": {"Prefix": ""},
                "NoncurrentVersionExpiration": {"NoncurrentDays": 7, "NewerNoncurrentVersions": 2},
            },
        ),
        (
            {"Status": "Enabled", "Prefix": "a/", "TagFilters": [{"Key": "k", "Value": "v"}]},
            {"Filter": {"And": {"Prefix": "a/", "Tags": [{"Key": "k", "Value": "v"}]}}},
        ),
    ],
)
def test_lifecycle_rules_in_the_spelling_of_the_api(rule: dict[str, object], expected: dict[str, object]) -> None:
    assert to_lifecycle_rules([{"Id": "mine", **rule}]) == [{"ID": "mine", "Status": "Enabled", **expected}]


def test_a_rule_without_a_name_gets_one() -> None:
    assert [rule["ID"] for rule in to_lifecycle_rules([{"Status": "Enabled"}, {"Status": "Disabled"}])] == [
        "rule-1",
        "rule-2",
    ]


DESTINATION = {"Bucket": "arn:aws:s3:::replica"}
NO_MARKERS = {"Status": "Disabled"}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({}, {"ID": "rule-1", "Priority": 1, "Filter": {"Prefix": ""}, "DeleteMarkerReplication": NO_MARKERS}),
        (
            {"Id": "all", "Priority": 7, "Prefix": "a/", "DeleteMarkerReplication": {"Status": "Enabled"}},
            {"ID": "all", "Priority": 7, "Filter": {"Prefix": "a/"}, "DeleteMarkerReplication": {"Status": "Enabled"}},
        ),
        (
            {"Filter": {"And": {"Prefix": "a/", "TagFilters": [{"Key": "k", "Value": "v"}]}}},
            {
                "ID": "rule-1",
                "Priority": 1,
                "Filter": {"And": {"Prefix": "a/", "Tags": [{"Key": "k", "Value": "v"}]}},
                "DeleteMarkerReplication": NO_MARKERS,
            },
        ),
    ],
)
def test_replication_rules_in_the_spelling_of_the_api(rule: dict[str, object], expected: dict[str, object]) -> None:
    shared = {"Status": "Enabled", "Destination": DESTINATION}

    assert to_replication_rules([{**shared, **rule}]) == [{**shared, **expected}]
