from velocity_local.worker.chat.pieces import PieceTable, with_markers

WRITTEN = [b"a", b"[TOOL_CALLS]", b"</s>", b"\xc3"]
CONTROL = (1, 2)


def piece(token: int) -> bytes:
    return b"" if token in CONTROL else WRITTEN[token]


def test_a_marker_is_written_out_though_it_is_a_control_token() -> None:
    table = PieceTable(with_markers(piece, WRITTEN.__getitem__, ["[TOOL_CALLS]", "a"]))
    assert [table.piece(token) for token in range(4)] == [b"a", b"[TOOL_CALLS]", b"", b"\xc3"]
    assert [table.text(token) for token in range(4)] == ["a", "[TOOL_CALLS]", "", None]


def test_without_markers_it_stays_hidden() -> None:
    assert PieceTable(piece).text(1) == ""
