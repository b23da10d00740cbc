"""The bucket, its users and their rights, on a real S3 server; every step twice."""

import obstore
import pytest
from click.testing import CliRunner
from obstore.exceptions import BaseError, PermissionDeniedError
from obstore.store import S3Store

from alpr_setup.__main__ import program
from alpr_setup.buckets import client_of
from alpr_setup.errors import SetupError
from alpr_testing.object_store import KEY_ID, REGION, SECRET

pytestmark = pytest.mark.integration


def secret(folder, user, word):
    folder.mkdir()
    (folder / "access-key").write_text(user)
    (folder / "secret-key").write_text(word + "\n")
    return folder


@pytest.fixture
def call(object_store, tmp_path):
    admin = secret(tmp_path / "admin", KEY_ID, SECRET)

    def run(bucket, *users, more=(), endpoint=object_store.url):
        told = ["bucket", "--endpoint", endpoint, "--bucket", bucket, "--admin", str(admin), *more]
        return CliRunner().invoke(program, [*told, *(flag for user in users for flag in ("--user", user))])

    return run


def client(object_store, bucket, user, word):
    return S3Store(
        bucket, endpoint=object_store.url, access_key_id=user, secret_access_key=word, region=REGION,
        client_options={"allow_http": True}, retry_config={"max_retries": 0},
    )  # fmt: skip


def test_users_do_what_their_role_says_below_their_prefix_and_nothing_else(call, object_store, tmp_path):
    bucket = "setup-users"
    secret(tmp_path / "north", "north-agents", "north-agents-secret")
    secret(tmp_path / "api", "query-api", "query-api-secret")
    users = (f"{tmp_path}/north:writer:north/", f"{tmp_path}/api:reader")
    for _ in range(2):
        done = call(bucket, *users, more=("--keep-days", "90"))
        assert done.exit_code == 0, done.output
    agents = client(object_store, bucket, "north-agents", "north-agents-secret")
    obstore.put(agents, "north/a.jpg", b"picture")
    with pytest.raises(PermissionDeniedError):
        obstore.put(agents, "south/a.jpg", b"x")
    with pytest.raises(BaseError, match="AccessDenied"):
        obstore.delete(agents, "north/a.jpg")
    api = client(object_store, bucket, "query-api", "query-api-secret")
    assert bytes(obstore.get(api, "north/a.jpg").bytes()) == b"picture"
    assert [one["path"] for one in obstore.list(api).collect()] == ["north/a.jpg"]
    with pytest.raises(PermissionDeniedError):
        obstore.put(api, "north/b.jpg", b"x")


def test_a_changed_password_is_the_users_after_the_next_run(call, object_store, tmp_path):
    bucket = "setup-password"
    folder = secret(tmp_path / "api", "changing", "first-secret")
    assert call(bucket, f"{folder}:writer").exit_code == 0
    (folder / "secret-key").write_text("second-secret")
    assert call(bucket, f"{folder}:writer").exit_code == 0
    obstore.put(client(object_store, bucket, "changing", "second-secret"), "x", b"1")
    with pytest.raises(PermissionDeniedError):
        obstore.put(client(object_store, bucket, "changing", "first-secret"), "x", b"1")


def test_models_lie_in_a_bucket_of_their_own_that_agents_read_and_do_not_write(call, object_store, tmp_path):
    agents = secret(tmp_path / "agents", "fleet", "fleet-secret")
    done = call("setup-pictures", f"{agents}:writer", more=("--models-bucket", "setup-models"))
    assert done.exit_code == 0, done.output
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "plates-0123.onnx").write_bytes(b"weights")
    told = ["models", str(folder), "--endpoint", object_store.url, "--bucket", "setup-models"]
    told += ["--admin", str(tmp_path / "admin")]
    first, again = (CliRunner().invoke(program, told) for _ in range(2))
    assert "plates-0123.onnx: put" in first.output
    assert "plates-0123.onnx: there" in again.output
    theirs = client(object_store, "setup-models", "fleet", "fleet-secret")
    assert bytes(obstore.get(theirs, "plates-0123.onnx").bytes()) == b"weights"
    with pytest.raises(PermissionDeniedError):
        obstore.put(theirs, "plates-0123.onnx", b"others")
    obstore.put(client(object_store, "setup-pictures", "fleet", "fleet-secret"), "north/a.jpg", b"picture")


def test_a_folder_without_models_names_the_command_that_writes_them(tmp_path):
    admin = secret(tmp_path / "admin", KEY_ID, SECRET)
    told = ["models", str(tmp_path), "--endpoint", "http://127.0.0.1:1", "--bucket", "b", "--admin", str(admin)]
    failed = CliRunner().invoke(program, told)
    assert failed.exit_code == 1
    assert "alpr models export" in failed.output


@pytest.mark.parametrize(
    ("endpoint", "complaint"), [("http://127.0.0.1:1", "no answer"), ("127.0.0.1:1", "write it as https://host:9000")]
)
def test_an_endpoint_that_does_not_answer_is_one_sentence(call, endpoint, complaint):
    failed = call("setup-away", endpoint=endpoint)
    assert failed.exit_code == 1
    assert complaint in failed.output
    assert SECRET not in failed.output


def test_a_wrong_administrator_is_said_without_the_password(call, tmp_path):
    (tmp_path / "admin/secret-key").write_text("wrong-password")
    failed = call("setup-wrong")
    assert failed.exit_code == 1
    assert "AccessDenied; is --admin the server's own administrator?" in failed.output
    assert "wrong-password" not in failed.output


def test_a_secret_that_is_not_mounted_is_named(call, tmp_path):
    failed = call("setup-missing", f"{tmp_path}/nowhere:reader")
    assert failed.exit_code == 1
    assert "access-key and secret-key" in failed.output


def test_a_store_of_ones_own_is_reached_by_awss_file_alone(object_store, tmp_path):
    bucket = object_store.create_bucket()
    told = tmp_path / "credentials"
    told.write_text(f"[default]\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {SECRET}\n")
    assert client_of(object_store.url, tmp_path, None, REGION).bucket_exists(bucket)
    told.write_text(f"[default]\naws_access_key_id = {KEY_ID}\n{SECRET}\n")
    with pytest.raises(SetupError, match="credentials: ") as failed:
        client_of(object_store.url, tmp_path, None, REGION)
    assert SECRET not in str(failed.value)
    told.unlink()
    with pytest.raises(SetupError, match="access-key and secret-key"):
        client_of(object_store.url, tmp_path, None, REGION)
