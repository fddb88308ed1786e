from tests.contract.admin.conftest import Daemon


async def test_what_is_kept_is_listed_for_models_that_are_loaded(daemon: Daemon) -> None:
    assert (await daemon.get("/cache/kv")).json()["items"] == []
    await daemon.http.post("/api/v1/models/demo/load")
    kept = (await daemon.get("/cache/kv")).json()
    [item] = kept["items"]
    assert item["model"] == "demo"
    assert item["entries"] == [
        {
            "tier": "memory",
            "n_tokens": 40,
            "start": 8,
            "n_bytes": 1000,
            "adapter": "",
            "is_running": False,
            "begins": "Once",
        }
    ]
    assert (item["ram_used_bytes"], item["ram_limit_bytes"]) == (1000, 2000)
    assert kept["disk_bytes"] == 0


async def test_files_of_all_models_are_counted(daemon: Daemon) -> None:
    folder = daemon.home / "data" / "kv" / "abc"
    folder.mkdir(parents=True)
    (folder / "1.kv").write_bytes(bytes(500))
    assert (await daemon.get("/cache/kv")).json()["disk_bytes"] == 500


async def test_forgetting_removes_the_files_of_all_models(daemon: Daemon) -> None:
    folder = daemon.home / "data" / "kv" / "abc"
    folder.mkdir(parents=True)
    (folder / "1.kv").write_bytes(bytes(500))
    await daemon.http.post("/api/v1/models/demo/load")
    kept = (await daemon.http.delete("/api/v1/cache/kv")).json()
    assert kept["disk_bytes"] == 0
    assert kept["items"][0]["entries"] == []
    assert list(folder.iterdir()) == []
