"""Which coordinator is meant: what is given, then the environment, then the config file."""

import json
import sys
import subprocess
from pathlib import Path

import patchsweep
import pytest
from patchsweep._link import _target
from patchsweep._settings import settings
from programs import PROGRAMS, Coordinator


def shown() -> dict[str, str | None]:
    """What the command line takes them for."""
    printed = subprocess.run(
        [str(PROGRAMS / "patchsweep"), "--output", "json", "config", "show"], capture_output=True, text=True, check=True
    )
    return {setting["setting"]: setting["value"] for setting in json.loads(printed.stdout)["settings"]}


def test_settings_are_those_of_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "config.toml"
    file.write_text('coordinator = "http://a:1"\ncredentials = "own/c"\n')
    monkeypatch.setenv("PATCHSWEEP_CONFIG", str(file))
    found = settings(None, None)
    assert (found.coordinator, str(found.credentials)) == (shown()["coordinator"], shown()["credentials"])
    assert found.credentials == tmp_path / "own" / "c"
    monkeypatch.setenv("PATCHSWEEP_COORDINATOR", "http://b:2")
    monkeypatch.setenv("PATCHSWEEP_CREDENTIALS", "other")
    found = settings(None, None)
    assert (found.coordinator, str(found.credentials)) == (shown()["coordinator"], shown()["credentials"])
    assert settings("http://c:3", "mine").coordinator == "http://c:3"
    assert settings("http://c:3", "mine").credentials == Path("mine")


def test_the_usual_config_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PATCHSWEEP_CONFIG")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    assert settings(None, None).coordinator is None
    file = tmp_path / ".config" / "patchsweep" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text('credentials = "~/c"')
    assert settings(None, None).credentials == tmp_path / "c"
    assert shown()["credentials"] == str(tmp_path / "c")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert settings(None, None).credentials is None


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("coordinater = 'http://a'", "has an unknown key; known are coordinator, credentials,"),
        ("token = 'psc_secret'", "has an unknown key"),
        ("state = ", "is no TOML; `patchsweep config show` points at the place"),
        ("models = 'm'", "`models` is not a list of texts"),
        ("credentials = 1", "`credentials` is not a text"),
        ("coordinator = 'head-node'", "`head-node` is no address of a coordinator: an address begins with"),
    ],
)
def test_a_config_file_that_is_wrong_is_refused_without_a_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, part: str
) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text)
    monkeypatch.setenv("PATCHSWEEP_CONFIG", str(file))
    with pytest.raises(patchsweep.ConfigError) as caught:
        patchsweep.connect()
    assert part in str(caught.value) and "secret" not in str(caught.value) and str(file) in str(caught.value)


def test_a_config_file_that_was_named_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATCHSWEEP_CONFIG", str(tmp_path / "none"))
    with pytest.raises(patchsweep.ConfigError, match="cannot read the config file .*/none; mend that, or name another with PATCH"):
        patchsweep.connect()


def test_credentials_come_from_the_environment_and_are_read_again(
    coordinator: Coordinator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "c"
    own = coordinator.credentials.read_text()
    file.write_text(own)
    monkeypatch.setenv("PATCHSWEEP_CREDENTIALS", str(file))
    # A cluster's proxy is none of a coordinator's.
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    client = patchsweep.connect()
    assert repr(client) == f"<patchsweep client of {coordinator.url}>"
    client.list()
    assert "psc_" not in repr(vars(client._link)).replace(dict(client._link._metadata)["authorization"], "")
    client.close()
    file.write_text("coordinator = 'https://127.0.0.1:1'")
    with pytest.raises(patchsweep.NotLetIn, match="authority|wants|CA"):
        monkeypatch.setenv("PATCHSWEEP_COORDINATOR", coordinator.url)
        patchsweep.connect().list()
    file.write_text(own)
    client.list()


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://127.0.0.1:7070", "dns:///127.0.0.1:7070"),
        ("https://head-node", "dns:///head-node:443"),
        ("https://[::1]:7070", "dns:///[::1]:7070"),
    ],
)
def test_addresses_are_dialled_as_they_are_written(url: str, target: str) -> None:
    assert settings(url, None).coordinator == url and _target(url) == target


@pytest.mark.parametrize("url", ["127.0.0.1:7070", "ftp://head-node", "http://", "http://a:0x", "https://[::1"])
def test_addresses_that_cannot_be_dialled_are_refused(url: str) -> None:
    with pytest.raises(patchsweep.ConfigError, match="is no address of a coordinator: an address begins with http:// or https://"):
        settings(url, None)


def test_nothing_heavy_is_imported_before_it_is_used() -> None:
    text = "import sys, patchsweep; print([name for name in ('xarray', 'pandas', 'plotly', 'tqdm', 'zarr') if name in sys.modules])"
    printed = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert printed.stdout == "[]\n"
