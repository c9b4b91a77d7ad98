"""Uploads over networks that drop connections, and by clients that are killed: whole in the end, and counted."""

import os
import random
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from api_calls import TENANT, caller, cut, original, stored, versions
from darkroom_client import Api, Failed, Journal, RefusedError, RetryPolicy, Source, Uploaded, Uploader, files_below
from darkroom_client.transfer import put_file
from dropping_proxy import dropping_proxy

from infra.local.stack import LocalStack
from infra.local.tenant import tenant_api, tenant_token, tenant_uploader

MEGABYTE = 1_000_000
QUICK = RetryPolicy(attempts=12, first_wait=0.05, longest_wait=0.5)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("large") / "large.bin"
    file.write_bytes(random.Random(60).randbytes(60 * MEGABYTE))
    return file


class ThroughProxy(httpx.HTTPTransport):
    """Reaches every address of the stack through one port, on a connection of its own for each request."""

    def __init__(self, port: int) -> None:
        super().__init__(limits=httpx.Limits(max_keepalive_connections=0))
        self._port = port

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        # The address changes and the Host header stays: it is signed.
        request.url = request.url.copy_with(port=self._port)
        return super().handle_request(request)


def test_60_megabytes_arrive_whole_through_a_network_that_drops_every_third_connection(
    stack: LocalStack, large: Path, tmp_path: Path
) -> None:
    with dropping_proxy(("127.0.0.1", stack.ports.emulator)) as proxy:
        http = httpx.Client(transport=ThroughProxy(proxy.port), timeout=60)
        api = Api(stack.upload_api, tenant_token(stack, TENANT), policy=QUICK, http=http)
        with Uploader(api, journal=Journal(tmp_path / "journal", stack.upload_api)) as uploader:
            done = uploader.upload(large)
    assert done.bytes == 60 * MEGABYTE
    assert sha256(original(stack, done.image_id)).digest() == sha256(large.read_bytes()).digest()
    assert proxy.dropped >= 4, "12 parts, and what signs and completes them"
    assert done.retries == proxy.dropped


@pytest.mark.parametrize(
    ("size", "lost"),
    [(1000, b"PUT /"), (6 * MEGABYTE, b"PUT /"), (60 * MEGABYTE, b"POST /_aws/execute-api")],
    ids=["small", "larger than the sockets' buffers", "parts"],
)
def test_an_upload_whose_answer_was_lost_is_in_the_bucket_once(
    stack: LocalStack, tmp_path: Path, size: int, lost: bytes
) -> None:
    file = tmp_path / "photo.jpg"
    file.write_bytes(random.Random(size).randbytes(size))
    with dropping_proxy(("127.0.0.1", stack.ports.emulator), lose_answer_to=lost) as proxy:
        http = httpx.Client(transport=ThroughProxy(proxy.port), timeout=60)
        with Uploader(Api(stack.upload_api, tenant_token(stack, TENANT), policy=QUICK, http=http)) as uploader:
            done = uploader.upload(file)
    assert (proxy.dropped, done.retries) == (1, 1)
    assert original(stack, done.image_id) == file.read_bytes()
    assert len(versions(stack, done.image_id)) == 1


def test_a_second_use_of_an_uploads_url_is_an_error(stack: LocalStack, tmp_path: Path) -> None:
    file = tmp_path / "photo.jpg"
    file.write_bytes(os.urandom(1000))
    whole = Source.of(file).whole
    with tenant_api(stack, TENANT) as api:
        begun = api.create_upload("image/jpeg", whole.size, sha256=whole.sha256)
        put_file(api, begun, whole, lambda _size: None, lambda: None)
        with pytest.raises(RefusedError, match="has already arrived") as caught:
            put_file(api, begun, whole, lambda _size: None, lambda: None)
    assert caught.value.status == 412
    assert len(versions(stack, begun["image_id"])) == 1


def test_a_completion_whose_answer_was_lost_is_done(stack: LocalStack, large: Path) -> None:
    content = large.read_bytes()[: 12 * MEGABYTE]
    for demo in caller(stack):
        begun = demo.begin(len(content))
        etags = demo.send(begun["image_id"], cut(content, begun["part_bytes"]))
        answers = [demo.complete(begun["image_id"], sorted(etags.items())) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 200]
        assert answers[0].json() == answers[1].json() == answers[2].json()
        assert len(versions(stack, begun["image_id"])) == 1


def test_a_killed_client_resumes_where_it_stopped(stack: LocalStack, large: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    token = tenant_token(stack, TENANT)
    command = [sys.executable, str(Path(__file__).parent / "slow_upload.py"), stack.upload_api, token]
    with subprocess.Popen([*command, str(journal), str(large)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        passed = 0
        for line in process.stdout:
            passed += int(line)
            if passed > 25 * MEGABYTE:
                break
        process.kill()
    http = httpx.Client(trust_env=False, timeout=60)
    api = Api(stack.upload_api, token, http=http)
    with Uploader(api, journal=Journal(journal, stack.upload_api)) as uploader:
        done = uploader.upload(large)
    assert 0 < done.parts_before < 12
    assert sha256(original(stack, done.image_id)).digest() == sha256(large.read_bytes()).digest()
    assert len(stored(stack, done.image_id)) == 1


def test_a_folder_goes_up_and_its_list_comes_back(stack: LocalStack, tmp_path: Path) -> None:
    for number in range(12):
        file = tmp_path / f"{number % 3}" / f"{number}.bin"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(os.urandom(1000 + number))
    with tenant_uploader(stack, TENANT, resume=True) as uploader:
        results = list(uploader.upload_all(files_below([tmp_path])))
    failed = [result for result in results if isinstance(result, Failed)]
    assert not failed
    with tenant_api(stack, TENANT) as api:
        for result in results:
            assert isinstance(result, Uploaded)
            assert original(stack, result.image_id) == result.path.read_bytes()
            assert api.show_upload(result.image_id)["state"] == "arrived"
