"""``darkroom explain``: every step, as the running edge reports it."""

from typing import Any

import httpx
import pytest

from infra.command.pictures import ExplanationError, explain_request, format_explanation
from infra.local.endpoint import ACCOUNT
from infra.local.stack import LocalStack
from infra.names import Names
from lambdas.core.keys import new_image_id


def told(stack: LocalStack, url: str, *headers: str) -> dict[str, Any]:
    return explain_request(stack, url, list(headers))


def test_every_step_of_a_negotiated_request(stack: LocalStack) -> None:
    image_id = new_image_id()
    steps = told(
        stack,
        f"https://pictures.example/img/{image_id}?w=400&dpr=2&utm_source=mail",
        "Accept: image/avif,image/*",
        "Save-Data: on",
    )
    names = Names(stack.settings, ACCOUNT)
    assert steps["path"] == steps["cache_key"] == f"/{image_id}/512x0.avif"
    assert {reason["sent"]: reason["without"] for reason in steps["because"]} == {
        "?w=400": None,
        "?dpr=2": f"/{image_id}/256x0.avif",
        "?utm_source=mail": None,
        "accept: image/avif,image/*": f"/{image_id}/512x0.jpeg",
        "save-data: on": f"/{image_id}/1024x0.avif",
    }
    assert steps["cached"] is None
    assert [origin["bucket"] for origin in steps["origins"]] == [names.derivatives_bucket, names.replica_bucket]
    text = "\n".join(format_explanation(steps))
    assert f"/{image_id}/512x0.avif" in text
    assert "changes nothing" in text


def test_cached_responses_are_shown(stack: LocalStack) -> None:
    image_id = new_image_id()
    assert httpx.get(f"{stack.edge_url}/img/{image_id}", trust_env=False, timeout=60).status_code == 404
    cached = told(stack, f"/img/{image_id}")["cached"]
    assert (cached["status"], cached["state"]) == (404, "fresh")
    assert 0 < cached["fresh_for"] <= stack.settings.delivery.not_found_seconds


def test_a_refusal_is_explained_without_secrets(stack: LocalStack) -> None:
    steps = told(stack, f"/img/{new_image_id(private=True)}?token=secret", "Cookie: token=secret")
    assert (steps["behavior"], steps["refused"]["status"]) == ("/img/p-*", 401)
    assert "secret" not in "\n".join(format_explanation(steps))


@pytest.mark.parametrize(("url", "headers"), [("img", []), ("/img/x", ["no colon"]), ("/img/x", [": empty"])])
def test_unexplainable_requests_are_errors(stack: LocalStack, url: str, headers: list[str]) -> None:
    with pytest.raises(ExplanationError, match="expected"):
        explain_request(stack, url, headers)
