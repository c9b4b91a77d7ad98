"""Uploads from a page of another origin: CORS of the API and of the bucket, the one PUT, the parts and their ETags."""

import os
from hashlib import md5
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route

from infra.local.stack import LocalStack
from infra.local.tenant import tenant_token

MIB = 1024**2


def original(stack: LocalStack, image_id: str) -> bytes:
    s3, bucket = stack.client("s3"), stack.parameter("originals-bucket")
    (key,) = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"] if each["Key"].endswith(image_id)]
    content: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    return content


@pytest.mark.parametrize(("size", "kind"), [(100_000, "single"), (12 * MIB, "multipart")])
def test_a_page_uploads_straight_to_the_bucket(
    stack: LocalStack, page: Page, tmp_path: Path, size: int, kind: str
) -> None:
    file = tmp_path / "photo.jpg"
    file.write_bytes(os.urandom(size))
    page.set_input_files("input", file)
    done = page.evaluate("([api, token]) => upload(api, token)", [stack.upload_api, tenant_token(stack, "demo")])
    assert (done["kind"], done["status"]) == (kind, 200)
    assert original(stack, done["image_id"]) == file.read_bytes()
    if kind == "single":
        assert done["etag"] == f'"{md5(file.read_bytes(), usedforsecurity=False).hexdigest()}"', "exposed to the page"
    else:
        assert [part["number"] for part in done["parts"]] == [1, 2, 3]
        assert all(part["etag"] for part in done["parts"]), "exposed to the page"


def test_a_page_cannot_overwrite_and_reads_that_it_cannot(stack: LocalStack, page: Page, tmp_path: Path) -> None:
    file = tmp_path / "photo.jpg"
    file.write_bytes(os.urandom(100_000))
    page.set_input_files("input", file)
    done = page.evaluate("([api, token]) => upload(api, token)", [stack.upload_api, tenant_token(stack, "demo")])
    sent = "(done) => putFile(done, document.querySelector('input').files[0])"
    assert page.evaluate(sent, done)["status"] == 412
    other = "(done) => putFile(done, new Blob(['x'.repeat(done.bytes)]))"
    assert page.evaluate(other, done)["status"] in {400, 412}, "the checksum is another, and the object is there"
    assert original(stack, done["image_id"]) == file.read_bytes()


def test_a_put_whose_answer_was_lost_has_arrived(stack: LocalStack, page: Page, tmp_path: Path) -> None:
    file = tmp_path / "photo.jpg"
    file.write_bytes(os.urandom(100_000))
    page.set_input_files("input", file)
    lost = []

    def lose_one(route: Route) -> None:
        if route.request.method == "PUT" and not lost:
            lost.append(route.fetch().status)
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route("**/*", lose_one)
    done = page.evaluate("([api, token]) => upload(api, token)", [stack.upload_api, tenant_token(stack, "demo")])
    assert (lost, done["status"]) == ([200], 200)
    assert original(stack, done["image_id"]) == file.read_bytes()


def test_a_page_reads_why_it_is_refused(stack: LocalStack, page: Page) -> None:
    answer = page.evaluate("(api) => ask(api, 'garbage', 'GET', '/images')", stack.upload_api)
    assert (answer["status"], answer["type"]) == (401, "application/problem+json")
    assert answer["body"]["detail"].startswith("expected a JSON Web Token")
