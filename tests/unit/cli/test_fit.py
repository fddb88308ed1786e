"""What `fit` prints of a device."""

from velocity_local.cli.fit import _share
from velocity_local.core.fit import Share


def test_layers_are_told_where_a_model_is_known_in_layers() -> None:
    share = Share("this machine's memory", 4, 2_000_000, 9_000_000)
    assert _share(share, 6) == "4 of 6 layers, 2.0 MB of 9.0 MB free"
    assert _share(share, 1) == "2.0 MB of 9.0 MB free"
