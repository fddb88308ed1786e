"""The command, a daemon, a hub and another program's cache on this machine: a user's walk."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process.cli.shell import Shell, shell_in
from tests.shape.tree import ROOT
from tests.support.hub import LocalHub, local_hub

pytestmark = pytest.mark.process
DEMO = ROOT / "models" / "demo" / "velocity-demo-f16.gguf"
LISTED = "Qwen/Qwen3-Embedding-0.6B-GGUF"


@pytest.fixture
def hub() -> Iterator[LocalHub]:
    with local_hub() as running:
        running.put(LISTED, **{"Qwen3-Embedding-0.6B-Q8_0.gguf": DEMO.read_bytes()})
        yield running


@pytest.fixture
def blob(tmp_path: Path) -> Path:
    """A model in a cache of the hub's own tools."""
    data = DEMO.read_bytes()
    folder = tmp_path / "cache" / "models--owner--cached-GGUF"
    blob = folder / "blobs" / hashlib.sha256(data).hexdigest()
    link = folder / "snapshots" / "main" / "cached-F16.gguf"
    for path in (blob, link):
        path.parent.mkdir(parents=True)
    blob.write_bytes(data)
    link.hardlink_to(blob)
    return blob


@pytest.fixture
def shell(
    tmp_path: Path, hub: LocalHub, blob: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shell]:
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    with shell_in(tmp_path / "home") as typed:
        ran = typed.run("start", "--port", "0", "--set", "fleet.preload=")
        assert ran.status == 0, ran.err
        yield typed


def test_a_model_is_searched_pulled_by_its_short_name_and_verified(shell: Shell) -> None:
    found = shell.run("search", "embedding", "--json").document
    names = [item["name"] for item in found["items"]]
    assert names[0] == "qwen3-embedding-0.6b"
    assert found["items"][0]["variants"][0]["verdict"] in {"cpu", "gpu", "too large"}
    pulled = shell.run("pull", "qwen3-embedding-0.6b")
    assert pulled.status == 0, pulled.err
    model = pulled.out.strip()
    assert model == f"{LISTED}/Qwen3-Embedding-0.6B-Q8_0"
    assert shell.run("verify", model).status == 0
    assert f"from           {LISTED} at 0123456789ab" in shell.run("show", model).out
    assert shell.run("show", model, "--template").out.startswith("{")
    assert "general.architecture" in shell.run("show", model, "--values").out
    (shell.home / "models" / f"{model}.gguf").chmod(0o600)
    with (shell.home / "models" / f"{model}.gguf").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x7f")
    wrong = shell.run("verify", model)
    assert (wrong.status, "promised" in wrong.err) == (1, True)
    assert shell.run("rm", model, "--yes").status == 0
    assert model not in shell.run("list", "--ids").out.split()
    assert [path for path in (shell.home / "models").rglob("*") if path.is_file()] == []


def test_a_model_of_a_cache_is_imported_run_and_removed_without_a_copy(
    shell: Shell, blob: Path, tmp_path: Path
) -> None:
    (seen,) = shell.run("scan", "--json").document["models"]
    assert (seen["store"], seen["is_imported"]) == ("huggingface", False)
    imported = shell.run("import", seen["files"][0], "--name", "mine/cached")
    assert (imported.status, imported.out) == (0, "mine/cached\n"), imported.err
    assert (shell.home / "models" / "mine" / "cached.gguf").samefile(blob)
    ran = shell.run("run", "mine/cached", "Hello!", "--temperature", "0", "--max-tokens", "4")
    assert (ran.status, bool(ran.out.strip())) == (0, True), ran.err
    taken = {item["model"]: item for item in shell.run("disk", "--json").document["models"]}
    assert taken["mine/cached"]["shared_bytes"] == blob.stat().st_size
    refused = shell.run("rm", "mine/cached", "--yes")
    assert (refused.status, "unload it first" in refused.err) == (1, True)
    assert shell.run("unload", "mine/cached").status == 0
    assert shell.run("rm", "mine/cached", "--yes").status == 0
    assert blob.exists()


def test_what_a_broken_download_left_is_told_and_removed(shell: Shell) -> None:
    part = shell.home / "models" / "owner" / "old.gguf.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 5000)
    told = shell.run("gc", "--dry-run", "--json").document
    assert ([item["path"] for item in told["files"]], told["is_removed"]) == ([str(part)], False)
    assert shell.run("gc").status == 0
    assert not part.exists()


def test_the_demo_is_quantized_and_the_result_runs(shell: Shell) -> None:
    made = shell.run("quantize", "demo", "q8_0", "--name", "mine/demo-Q8_0")
    assert (made.status, made.out) == (0, "mine/demo-Q8_0\n"), made.err
    (model,) = [one for one in shell.run("list", "--json").document["models"]
                if one["id"] == "mine/demo-Q8_0"]  # fmt: skip
    assert model["quantization"] == "Q8_0"
    assert model["size_bytes"] < DEMO.stat().st_size
    ran = shell.run("run", "mine/demo-Q8_0", "Hello!", "--temperature", "0", "--max-tokens", "4")
    assert (ran.status, bool(ran.out.strip())) == (0, True), ran.err
    again = shell.run("quantize", "mine/demo-Q8_0", "Q4_K_M")
    assert (again.status, "lose more" in again.err) == (1, True)
    assert [path.name for path in (shell.home / "models").rglob("*.part")] == []


def test_a_path_that_is_pulled_is_taken_over(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "near-F16.gguf"
    file.write_bytes(DEMO.read_bytes())
    pulled = shell.run("pull", str(file))
    assert (pulled.status, pulled.out) == (0, "imported/near-F16\n"), pulled.err
    assert (shell.home / "models" / "imported" / "near-F16.gguf").samefile(file)


def test_an_alias_is_asked_for_like_a_model(shell: Shell) -> None:
    assert shell.run("alias", "set", "house", "demo").status == 0
    ran = shell.run("run", "house", "Hello!", "--temperature", "0", "--max-tokens", "4")
    assert (ran.status, bool(ran.out.strip())) == (0, True), ran.err
    (alias,) = shell.run("alias", "list", "--json").document["aliases"]
    assert (alias["name"], alias["versions"][0]["model"]) == ("house", "demo")
    assert shell.run("alias", "rollback", "house").status == 1
    assert shell.run("alias", "set", "demo", "demo").status == 1
    assert shell.run("alias", "remove", "house").status == 0


def test_an_alias_with_a_way_to_load_has_a_process_of_its_own(shell: Shell) -> None:
    flags = ("--ctx", "512", "--temperature", "0")
    made = shell.run("alias", "set", "house", "demo", *flags)
    assert made.out == "house  demo  n_ctx=512 temperature=0.0\n", made.err
    options = shell.run("show", "house", "--effective", "--json").document["options"]["items"]
    assert {"key": "n_ctx", "value": 512, "origin": "alias", "setting": "engine.n_ctx"} in options
    ran = [shell.run("run", "house", "Hello!", "--max-tokens", "8") for _ in range(2)]
    assert ran[0].out == ran[1].out, "the alias's own temperature"
    loaded = {one["id"]: one["loaded"] for one in shell.run("list", "--json").document["models"]}
    assert loaded["house"]["n_cells"] == 512
    assert loaded["demo"] is None
    assert shell.run("alias", "set", "house", "demo").status == 0
    assert "house" not in shell.run("ps").out
    assert shell.run("alias", "rollback", "house").out == made.out
    assert shell.run("alias", "set", "bad", "demo", "--top-k", "-9999999999").status == 1
