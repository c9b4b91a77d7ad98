import pytest

from lambdas.core.environment import DerivativesBucketName, Environment, ImagesTableName, MissingVariableError


class Variables(Environment):
    derivatives_bucket: DerivativesBucketName
    images_table: ImagesTableName


def test_variables_are_read_by_name() -> None:
    read = Variables.read({"DERIVATIVES_BUCKET": "derivatives", "IMAGES_TABLE": "images", "PATH": "/bin"})
    assert (read.derivatives_bucket, read.images_table) == ("derivatives", "images")


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({}, "DERIVATIVES_BUCKET: Field required; IMAGES_TABLE"),
        ({"DERIVATIVES_BUCKET": "derivatives", "IMAGES_TABLE": ""}, "IMAGES_TABLE"),
    ],
)
def test_missing_variables_are_named(variables: dict[str, str], named: str) -> None:
    with pytest.raises(MissingVariableError, match="expected environment variables but received") as refused:
        Variables.read(variables)
    assert named in str(refused.value)
