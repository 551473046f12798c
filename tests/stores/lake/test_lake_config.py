"""The configuration of a lake: URLs, what is refused, and with which words."""

from __future__ import annotations

import pytest
from flask_chest_parquet import ParquetConfig, ParquetStore
from flask_chest_parquet.connection import typed_columns
from pydantic import ValidationError

from flask_chest.errors import ConfigurationError, ExporterUnavailable, SchemaMismatch
from flask_chest.opening import open_store
from flask_chest.store import Declaration
from flask_chest.testing import make_batch, make_record


def test_a_url_of_a_folder_is_relative_with_three_slashes_and_absolute_with_four(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert ParquetConfig(url="parquet:///a%20lake").path == tmp_path / "a lake"
    assert ParquetConfig(url=f"parquet:///{tmp_path}/x?mode=0640").mode == "0640"


def test_a_url_of_a_bucket_has_its_prefix_and_fields():
    config = ParquetConfig(url="s3://shop/lake/records?region=eu-central-1&columns=tenant,a.b")
    assert (config.bucket, config.prefix, config.region) == ("shop", "lake/records", "eu-central-1")
    assert config.columns == ("tenant", "a.b")


REFUSED = {
    "neither": ({}, "give a folder as `path`, or an S3 bucket"),
    "both": ({"path": "/chest-lake", "bucket": "shop"}, "give a folder as `path`, or an S3 bucket"),
    "no parent": ({"path": "/no/such/folder"}, "does not exist. Create it first"),
    "a file": ({"path": __file__}, "is a file. Name a folder"),
    "S3 for a folder": ({"path": "/chest-lake", "region": "x"}, "a folder has no region"),
    "half of the credentials": ({"bucket": "shop", "access_key": "k"}, "give both"),
    "a hidden prefix": ({"bucket": "shop", "prefix": "a/_b"}, "which Spark passes over"),
    "an endpoint with a password": (
        {"bucket": "shop", "endpoint": "http://u:sesame@h"},
        "is no URL of a server",
    ),
    "two slashes": ({"url": "parquet://srv/lake"}, "three slashes when the path is relative"),
    "an unknown field": ({"url": "s3://shop?sesame=1"}, "no fields: sesame"),
    "a name that is none": ({"bucket": "shop", "columns": ["a b"]}, "is written variables['...']"),
}


@pytest.mark.parametrize(("fields", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_says_what_to_write(fields, words):
    with pytest.raises(ValidationError) as raised:
        ParquetConfig(**fields)
    assert words in str(raised.value)


def test_secrets_are_never_shown():
    url = "s3://shop?access_key=k&secret_key=sesame&session_token=sesame"
    config = ParquetConfig(url=url)
    assert "sesame" not in f"{config!r} {config.location} {config.model_dump_json()}"
    with pytest.raises(ValidationError) as raised:
        ParquetConfig(url=f"{url}&timeout_seconds=0")
    assert "sesame" not in str(raised.value)


def test_without_credentials_the_error_names_where_they_may_be(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    store = ParquetStore(ParquetConfig(bucket="shop", endpoint="http://127.0.0.1:9"))
    with pytest.raises(ConfigurationError, match="AWS_ACCESS_KEY_ID"):
        store.open()


def test_a_wrong_key_and_a_missing_bucket_are_named_with_their_remedy(bucket):
    wrong = {"secret_key": "wrong"}, {"bucket": "chest-not-there"}
    remedies = "Correct secret_key", "Create the bucket"
    for fields, remedy in zip(wrong, remedies, strict=True):
        store = ParquetStore(ParquetConfig.model_validate({"url": bucket, **fields}))
        with pytest.raises(ConfigurationError, match=remedy):
            store.open()


def test_a_reader_refuses_a_lake_that_is_not_there(tmp_path):
    with pytest.raises(ConfigurationError, match="is not there"):
        open_store(f"parquet:///{tmp_path}/lake")


def test_a_lake_in_a_read_only_folder_says_so(tmp_path):
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "_chest").write_text("in the way")
    store = ParquetStore(ParquetConfig(path=tmp_path / "lake"))
    with pytest.raises((ConfigurationError, ExporterUnavailable), match="_chest"):
        store.open()


def test_a_folder_with_files_of_somebody_else_is_refused(tmp_path):
    folder = tmp_path / "lake" / "day=2024-01-01"
    folder.mkdir(parents=True)
    (folder / "x.parquet").write_bytes(b"PAR1")
    with pytest.raises(SchemaMismatch, match=r"day=2024-01-01/x\.parquet"):
        ParquetStore(ParquetConfig(path=tmp_path / "lake")).open()


def test_files_belong_to_their_user_alone_unless_a_mode_is_given(tmp_path):
    for mode, wanted in (("0600", (0o600, 0o700)), ("0640", (0o640, 0o750))):
        path = tmp_path / mode
        store = ParquetStore(ParquetConfig(path=path, mode=mode))
        store.open()
        store.export(make_batch(make_record()))
        store.close()
        [file] = path.glob("day=*/*.parquet")
        assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == wanted


def test_what_is_declared_has_typed_columns():
    declared = Declaration(
        dimensions=(("tenant", "route"), ("user.plan",)), measures=("cost",), distinct=("user_id",)
    )
    config = ParquetConfig(bucket="shop", columns=("app.release",))
    names = [column.name for column in typed_columns(config, ["model"], declared)]
    assert {"n_cost", "i_cost", "t_tenant", "b_tenant", "t_model", "t_user_id"} <= set(names)
    assert not {"t_cost", "t_route"} & set(names)
    assert [name[:12] for name in names if "plan" in name and name[0] == "t"] == ["t_user_plan_"]


def test_what_a_batch_waits_for_is_configured():
    batching = ParquetStore(ParquetConfig(bucket="shop", batch_records=7, batch_seconds=3)).batching
    assert (batching.min_records, batching.max_records, batching.max_seconds) == (7, 7, 3.0)
    assert batching.fixed
