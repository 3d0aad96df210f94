"""People's surrogate keys: the warehouse makes them as Python's hmac does, and keeps to the secret it began with."""

import hashlib
import hmac
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from dbt_project.build import PROJECT_DIR, build, seed_if_changed
from ingestion.settings import Settings, get_settings
from ingestion.surrogate import SurrogateSecretError, remember, rotate, secret, session_settings, surrogate
from ingestion.warehouse import create_engine, prepare


@pytest.mark.parametrize("length", [32, 64, 65, 200])
def test_postgresql_makes_the_surrogates_of_hmac(warehouse_url: str, length: int) -> None:
    key = ("chìa khóa " * 40).encode()[:length]
    macro = (PROJECT_DIR / "macros" / "keyed_hash.sql").read_text(encoding="utf-8")
    body = macro.split("-%}", 1)[1].split("{%-", 1)[0].replace("{{ identity }}", "%(identity)s::text")
    options = " ".join(f"-c {name}={value}" for name, value in session_settings(key).items())
    with psycopg.connect(warehouse_url, options=options) as db:
        for identity in ("024064916238", "", "Nguyễn Thị Ánh", "x" * 500):
            found = db.execute(f"select {body}", {"identity": identity}).fetchone()
            assert found == (hmac.new(key, identity.encode(), hashlib.sha256).hexdigest()[:32],)
            assert found == (surrogate(key, identity),)
        assert db.execute(f"select {body}", {"identity": None}).fetchone() == (None,)
    with psycopg.connect(warehouse_url) as db, pytest.raises(psycopg.errors.UndefinedObject):
        db.execute(f"select {body}", {"identity": "024064916238"})


def test_the_secret_of_a_home_is_made_once_and_private(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", surrogate_secret=None)
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: secret(settings), range(8)))
    assert made == {secret(settings)}
    assert len(secret(settings)) >= 43
    assert (settings.home / "surrogate_secret").stat().st_mode & 0o777 == 0o600
    assert secret(Settings(home=tmp_path / "other", surrogate_secret=None)) not in made


def test_a_secret_that_is_set_is_used_not_shown_and_not_handed_to_readers_of_files(tmp_path: Path) -> None:
    text = "0123456789" * 4
    settings = Settings(home=tmp_path / "home", surrogate_secret=SecretStr(text))
    assert secret(settings) == text.encode()
    assert not settings.home.exists()
    assert text not in repr(settings) + str(settings.environment())
    with pytest.raises(SurrogateSecretError, match="32"):
        secret(Settings(home=tmp_path, surrogate_secret=SecretStr("short")))


def test_another_secret_is_refused_and_none_is_written_to_logs(
    warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = "first-" * 8, "second" * 8
    monkeypatch.setenv("CHUNGTAY_HOME", str(tmp_path))
    for given in (first, second, first):
        monkeypatch.setenv("CHUNGTAY_SURROGATE_SECRET", given)
        get_settings.cache_clear()
        if given == first:
            prepare(warehouse_url)
            seed_if_changed(warehouse_url)
            build("staging", warehouse_url)
        else:
            with pytest.raises(SurrogateSecretError, match="surrogate_secret"):
                build("staging", warehouse_url)
    get_settings.cache_clear()
    assert "PGOPTIONS" not in os.environ
    engine = create_engine(warehouse_url)
    with engine.connect() as connection:
        rows = connection.exec_driver_sql("select fingerprint from ops.surrogate_secret").all()
    engine.dispose()
    assert len(rows) == 1
    hidden = [first, *session_settings(first.encode()).values()]
    written = [path.read_bytes() for path in (tmp_path / "dbt").rglob("*") if path.is_file()]
    assert written
    assert not any(value.encode() in text for value in hidden for text in written)


def test_a_rotation_goes_on_with_the_secret_that_it_made(warehouse_url: str, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", surrogate_secret=None)
    engine = create_engine(warehouse_url)
    prepare(warehouse_url)
    first = secret(settings)
    with engine.begin() as connection:
        connection.exec_driver_sql("delete from ops.surrogate_secret")
        remember(connection, first)
    with engine.connect() as connection:  # as killed before the commit: only the home has the new secret
        rotate(connection, settings)
        connection.rollback()
    second = secret(settings)
    assert second != first
    with pytest.raises(SurrogateSecretError), engine.begin() as connection:
        remember(connection, second)
    with engine.begin() as connection:
        rotate(connection, settings)
    assert secret(settings) == second
    with engine.begin() as connection:
        remember(connection, second)
        rotate(connection, settings)
    assert (third := secret(settings)) != second
    with engine.begin() as connection:  # a warehouse of a version that noted no fingerprint
        connection.exec_driver_sql("delete from ops.surrogate_secret")
        rotate(connection, settings)
    assert secret(settings) != third

    given = Settings(home=tmp_path / "home", surrogate_secret=SecretStr("given " * 8))
    with engine.begin() as connection:
        rotate(connection, given)
        remember(connection, secret(given))
    with pytest.raises(SurrogateSecretError, match="set CHUNGTAY_SURROGATE_SECRET"), engine.begin() as connection:
        rotate(connection, given)
    engine.dispose()
