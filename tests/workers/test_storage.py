import json
import os
import uuid
from pathlib import Path

import pytest

from workers.data.retrying import StorageError, StorageUnavailable
from workers.data.storage import Store, list_files, read_bytes


def test_put_then_read_and_list(store_url: str) -> None:
    store = Store(store_url)
    assert store.list("t") == []
    store.put("t/b.bin", b"2")
    store.put("t/a.bin", b"1")
    store.put("t/a.bin", b"111")
    assert [(f.name, f.size) for f in store.list("t")] == [("t/a.bin", 3), ("t/b.bin", 1)]
    assert store.read("t/a.bin") == read_bytes(f"{store_url}/t/a.bin") == b"111"
    assert store.tail("t/a.bin", 2) == b"11"
    assert [file.name for file in list_files(f"{store_url}/t").files] == ["a.bin", "b.bin"]
    assert [read_bytes(url) for url in list_files(f"{store_url}/t/b*").urls] == [b"2"]


def test_a_file_url_may_be_percent_encoded(tmp_path: Path) -> None:
    (tmp_path / "my photos").mkdir()
    (tmp_path / "my photos" / "100%.jpg").write_bytes(b"1")
    for folder in ("my%20photos", "my photos"):
        assert read_bytes(f"file://{tmp_path}/{folder}/100%25.jpg") == b"1"
        assert list_files(f"file://{tmp_path}/{folder}").urls == [f"{tmp_path}/my photos/100%.jpg"]
    assert read_bytes(f"{tmp_path}/my photos/100%.jpg") == b"1"


def test_create_never_replaces(store_url: str) -> None:
    store = Store(store_url)
    assert store.create("plan.json", b"first")
    assert not store.create("plan.json", b"second")
    assert store.read("plan.json") == b"first"


def test_a_missing_file_is_not_found(store_url: str) -> None:
    with pytest.raises(FileNotFoundError):
        Store(store_url).read("nothing")


def test_a_failed_local_put_leaves_nothing_under_the_name(tmp_path, monkeypatch) -> None:
    store = Store(str(tmp_path))

    def broken(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(StorageUnavailable, match="no space left"):
        store.put("t/a.bin", b"half")
    assert not any(tmp_path.rglob("*.*"))


@pytest.mark.s3
def test_wrong_credentials_are_named(s3_url: str, monkeypatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    Store(s3_url).fs.clear_instance_cache()
    try:
        with pytest.raises(StorageError, match="AWS_SECRET_ACCESS_KEY"):
            Store(s3_url).put("a", b"1")
    finally:
        Store(s3_url).fs.clear_instance_cache()


@pytest.mark.s3
def test_public_buckets_are_read_without_credentials(s3_url: str, monkeypatch) -> None:
    bucket, folder = s3_url.removeprefix("s3://"), f"{s3_url}/{uuid.uuid4().hex}"
    owner = Store(folder)
    owner.put("a.bin", b"1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_NO_SIGN_REQUEST", "yes")
    with pytest.raises(StorageError, match=r"denies access.*AWS_NO_SIGN_REQUEST"):
        read_bytes(f"{folder}/a.bin")
    arn = f"arn:aws:s3:::{bucket}"
    public = [
        {"Effect": "Allow", "Principal": "*", "Action": [action], "Resource": [resource]}
        for action, resource in (("s3:GetObject", f"{arn}/*"), ("s3:ListBucket", arn))
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": public})
    owner.fs.call_s3("put_bucket_policy", Bucket=bucket, Policy=policy)
    try:
        assert read_bytes(f"{folder}/a.bin") == b"1"
        assert [file.name for file in list_files(folder).files] == ["a.bin"]
        with pytest.raises(StorageError, match="denies access"):
            Store(folder).put("b.bin", b"2")
    finally:
        owner.fs.call_s3("delete_bucket_policy", Bucket=bucket)
