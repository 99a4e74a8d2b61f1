"""Versions travel: to a folder, to an S3-compatible server, and not to strangers where the licence forbids it."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from gsv_pipeline.data_versions import push as pushing
from gsv_pipeline.data_versions.push import PROBE, push
from gsv_pipeline.data_versions.restore import pull
from gsv_pipeline.data_versions.snapshot import snapshot
from gsv_pipeline.errors import ConfigError, DataError, RunError, StoppedError
from gsv_pipeline.manifest import read_manifest
from gsv_pipeline.tracking import NullTracker
from tests.versioned import FREE, PROTECTED, Repository, contents

QUIET = NullTracker()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """An S3-compatible server on loopback."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A client with credentials in the environment, as `dvc` finds them too."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "aws_config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "aws_credentials"))
    return boto3.client("s3", endpoint_url=endpoint)


def _objects(s3: Any, bucket: str) -> list[bytes]:
    found = s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    return [s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read() for item in found]


def _let_everybody_read(s3: Any, bucket: str) -> None:
    """Objects, not the list of them: the usual way to publish a bucket."""
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))


def test_a_folder_brings_a_version_to_a_clone_where_it_counts_as_fetched(
    repository: Repository, fetch: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifact = fetch(PROTECTED)
    layout = repository.layout
    snapshot(layout, PROTECTED, tracker=QUIET, copy=True, message="First")
    with pytest.raises(ConfigError, match=r"no default remote \(it knows: none\).*dvc remote add"):
        push(layout, PROTECTED, tracker=QUIET)
    repository.dvc("remote", "add", "--default", "storage", str(tmp_path / "storage"))
    repository.dvc("push")
    assert not list((tmp_path / "storage").rglob("*.*"))  # a plain push passes it over

    def stop(*_: object, **__: object) -> None:
        raise StoppedError("stopped by SIGTERM")

    with monkeypatch.context() as patch:
        patch.setattr(pushing, "_push_file", stop)
        with pytest.raises(StoppedError):
            push(layout, PROTECTED, tracker=QUIET)
    assert push(layout, PROTECTED, tracker=QUIET).name == "storage"
    assert repository.git("status", "--short", "data") == ""

    other = repository.clone(tmp_path / "clone")
    pulled = pull(other.layout, PROTECTED, tracker=QUIET)
    assert contents(pulled.artifact) == contents(artifact)
    here, there = read_manifest(artifact), read_manifest(pulled.artifact)
    assert here is not None
    assert there is not None
    assert there.metadata["dvc"]["md5"] == here.metadata["dvc"]["md5"]
    assert (there.fingerprint, there.config, there.versions) == (here.fingerprint, here.config, here.versions)
    assert there.data_version == pulled.data_version
    assert other.git("status", "--short", "data") == ""

    shutil.rmtree(other.path / ".dvc" / "cache")
    removed = sorted(path for path in (tmp_path / "storage").rglob("*") if path.is_file() and path.suffix != ".dir")
    removed[0].unlink()
    with pytest.raises(RunError, match="did not give data/dataset/gsv_cities.dvc: (?s:.*)What is here is as it was"):
        pull(other.layout, PROTECTED, tracker=QUIET)
    assert contents(pulled.artifact) == contents(artifact)


def test_a_private_bucket_takes_what_must_not_be_passed_on(
    repository: Repository, fetch: Callable[[str], Path], tmp_path: Path, endpoint: str, s3: Any
) -> None:
    artifact = fetch(PROTECTED)
    snapshot(repository.layout, PROTECTED, tracker=QUIET, copy=True, message="First")
    s3.create_bucket(Bucket="closed")
    repository.dvc("remote", "add", "--default", "bucket", "s3://closed/gsv")
    repository.dvc("remote", "modify", "bucket", "endpointurl", endpoint)

    assert push(repository.layout, PROTECTED, tracker=QUIET).url == "s3://closed/gsv"

    assert set(contents(artifact).values()) < set(_objects(s3, "closed"))
    other = repository.clone(tmp_path / "clone")
    pulled = pull(other.layout, PROTECTED, tracker=QUIET)
    assert contents(pulled.artifact) == contents(artifact)


def test_a_public_bucket_takes_only_what_may_be_passed_on(
    repository: Repository, fetch: Callable[[str], Path], tmp_path: Path, endpoint: str, s3: Any
) -> None:
    for name in (PROTECTED, FREE):
        fetch(name)
        snapshot(repository.layout, name, tracker=QUIET, copy=True)
    s3.create_bucket(Bucket="open")
    _let_everybody_read(s3, "open")
    repository.dvc("remote", "add", "--default", "bucket", "s3://open")
    # DVC does not know the server, its S3 client does. Amazon, asked in its place, would answer for another bucket.
    (tmp_path / "aws_config").write_text(f"[default]\nendpoint_url = {endpoint}\n")

    for private in (False, True):  # saying so does not make it so
        with pytest.raises(DataError, match=r"forbids redistribution \(CC BY-NC-ND 4.0.*anybody can read"):
            push(repository.layout, PROTECTED, tracker=QUIET, private=private)
        assert _objects(s3, "open") == [PROBE]
    assert not list((repository.path / "data" / "dataset").glob("*.probe*"))

    push(repository.layout, FREE, tracker=QUIET)
    assert set(contents(repository.layout.dataset(FREE)).values()) < set(_objects(s3, "open"))


def test_a_remote_that_cannot_be_judged_needs_a_word(
    repository: Repository, fetch: Callable[[str], Path], s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = repository.layout
    with pytest.raises(ConfigError, match="has no version to push"):
        push(layout, PROTECTED, tracker=QUIET)
    fetch(PROTECTED)
    snapshot(layout, PROTECTED, tracker=QUIET)
    with pytest.raises(DataError, match="hash alone, so there is nothing to push.*--copy"):
        push(layout, PROTECTED, tracker=QUIET)
    snapshot(layout, PROTECTED, tracker=QUIET, copy=True)
    repository.dvc("remote", "add", "--default", "elsewhere", "gs://bucket/folder")
    with pytest.raises(DataError, match=r"cannot be seen from here.*--private"):
        push(layout, PROTECTED, tracker=QUIET)

    pushed: list[str] = []
    monkeypatch.setattr(pushing, "_push_file", lambda _, file, remote, **__: pushed.append(f"{file} {remote.url}"))
    push(layout, PROTECTED, tracker=QUIET, private=True)
    assert pushed == ["data/dataset/gsv_cities.dvc gs://bucket/folder"]
