"""Which stacks may be protected: those whose creation has succeeded."""

import pytest

from operations.stack_protection import DeployedStack


@pytest.mark.parametrize(
    ("status", "created"),
    [
        ("CREATE_COMPLETE", True),
        ("UPDATE_COMPLETE", True),
        ("UPDATE_ROLLBACK_COMPLETE", True),
        ("UPDATE_ROLLBACK_FAILED", True),
        ("UPDATE_IN_PROGRESS", True),
        ("IMPORT_COMPLETE", True),
        ("REVIEW_IN_PROGRESS", False),
        ("CREATE_IN_PROGRESS", False),
        ("CREATE_FAILED", False),
        ("ROLLBACK_COMPLETE", False),
        ("ROLLBACK_FAILED", False),
        ("DELETE_FAILED", False),
    ],
)
def test_a_stack_was_created_when_its_creation_succeeded(status: str, *, created: bool) -> None:
    assert DeployedStack("Storage", "us-east-1", status, is_protected=False).was_created is created
