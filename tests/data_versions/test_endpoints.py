"""The server that would be asked about an S3 bucket is the one to which the S3 client itself turns."""

from pathlib import Path

import botocore.session
import pytest

from gsv_pipeline.data_versions.endpoints import AMAZON, s3_endpoint

CONFIG = """
[default]
region = eu-north-1
s3 =
    endpoint_url = http://not-read-from-here
[profile work]
endpoint_url = http://work:9000
[profile "at home"]
endpoint_url = http://home
services = home-services
[services home-services]
ec2 =
    endpoint_url = http://another-service
s3 =
    endpoint_url = http://home-storage
    addressing_style = path
[services other]
s3 =
    endpoint_url = http://nobody-names-this
[profile both]
endpoint_url = http://config
[profile kept]
region = us-west-2
"""
CREDENTIALS = """
[both]
aws_access_key_id = x
aws_secret_access_key = y
endpoint_url = http://credentials
[secret]
aws_access_key_id = x
aws_secret_access_key = y
endpoint_url = http://secret
"""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user with AWS's two files at their usual places."""
    folder = tmp_path / "user" / ".aws"
    folder.mkdir(parents=True)
    (folder / "config").write_text(CONFIG)
    (folder / "credentials").write_text(CREDENTIALS)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")  # the client would look for credentials on the network
    return folder


@pytest.mark.parametrize(
    ("profile", "variables", "expected"),
    [
        (None, {}, AMAZON),
        ("kept", {}, AMAZON),
        ("work", {}, "http://work:9000"),
        ("at home", {}, "http://home-storage"),
        ("both", {}, "http://credentials"),
        ("secret", {}, "http://secret"),
        (None, {"AWS_PROFILE": "work"}, "http://work:9000"),
        (None, {"AWS_DEFAULT_PROFILE": "work", "AWS_PROFILE": "secret"}, "http://work:9000"),
        ("secret", {"AWS_PROFILE": "work"}, "http://secret"),
        ("work", {"AWS_ENDPOINT_URL": "http://all"}, "http://all"),
        ("work", {"AWS_ENDPOINT_URL": "http://all", "AWS_ENDPOINT_URL_S3": "http://s3"}, "http://s3"),
        ("work", {"AWS_ENDPOINT_URL_EC2": "http://ec2"}, "http://work:9000"),
    ],
)
def test_it_is_the_one_that_the_client_chooses(
    profile: str | None, variables: dict[str, str], expected: str, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert s3_endpoint({"profile": profile} if profile else {}) == expected
    client = botocore.session.Session(profile=profile).create_client("s3", region_name="us-east-1")
    assert client.meta.endpoint_url == (expected or "https://s3.amazonaws.com")
    assert s3_endpoint({"endpointurl": "http://stated"}) == "http://stated"  # DVC hands it to the client itself


def test_files_are_looked_for_where_dvc_and_the_environment_say(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").write_text("[default]\nendpoint_url = http://mine\n")
    assert s3_endpoint({"configpath": str(tmp_path / "mine")}) == "http://mine"
    assert s3_endpoint({"credentialpath": str(tmp_path / "mine")}) == "http://mine"
    monkeypatch.setenv("AWS_CONFIG_FILE", str(files / "config"))
    assert s3_endpoint({"configpath": str(tmp_path / "mine")}) == AMAZON  # DVC lets the environment win
    monkeypatch.setenv("AWS_CONFIG_FILE", "~/absent")
    assert s3_endpoint({}) == AMAZON


@pytest.mark.parametrize(
    ("settings", "variables", "config"),
    [
        ({"profile": "nobody"}, {}, CONFIG),
        ({}, {"AWS_PROFILE": "nobody"}, CONFIG),
        ({}, {}, "no section = 1"),
        ({}, {}, "[default]\nservices = missing\n"),
        ({}, {}, "[default]\n[default]\n"),
        ({}, {}, "[profile it's]\n"),
        ({"configpath": "relative/config"}, {}, ""),
        ({}, {"AWS_SHARED_CREDENTIALS_FILE": "relative"}, ""),
        ({}, {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, CONFIG),
        ({}, {}, "[default]\nignore_configured_endpoint_urls = true\n"),
        ({"region": "cn-north-1"}, {}, ""),
        ({}, {"AWS_DEFAULT_REGION": "us-gov-west-1"}, ""),
        ({}, {}, "[default]\nregion = cn-northwest-1\n"),
        ({"endpointurl": "http://stated"}, {"FSSPEC_S3_ENDPOINT_URL": "http://wins"}, ""),
    ],
)
def test_what_cannot_be_told_is_not_taken_for_amazon(
    settings: dict[str, str], variables: dict[str, str], config: str, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (files / "config").write_text(config)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert s3_endpoint(settings) is None


def test_files_that_cannot_be_read_and_those_of_the_library_below_are_not_passed_over(
    files: Path, tmp_path: Path
) -> None:
    fsspec = tmp_path / "user" / ".config" / "fsspec"
    fsspec.mkdir(parents=True)
    (fsspec / "conf.json").write_text('{"gcs": {"project": "x"}}')
    assert s3_endpoint({}) == AMAZON
    (fsspec / "more.ini").write_text("[s3]\nendpoint_url = http://wins\n")
    assert s3_endpoint({}) is None
    (fsspec / "more.ini").unlink()
    (files / "config").write_bytes(b"[default]\nname = \xff\n")
    assert s3_endpoint({}) is None
