from velocity_local.worker.engine.slots import SlotTable


def test_slots_are_handed_out_lowest_first() -> None:
    slots = SlotTable(3)
    assert [slots.claim() for _ in range(3)] == [0, 1, 2]
    assert not slots.has_free
    slots.release(1)
    assert slots.claim() == 1


def test_residents_are_told_oldest_first_and_a_useful_one_becomes_the_newest() -> None:
    slots = SlotTable(3)
    for slot in [slots.claim() for _ in range(3)]:
        slots.retire(slot)
    slots.touch(0)
    assert slots.residents == (1, 2, 0)


def test_a_revived_slot_is_no_resident() -> None:
    slots = SlotTable(2)
    slots.retire(slots.claim())
    slots.revive(0)
    assert slots.residents == ()
    slots.release(0)
    slots.check_integrity()


def test_a_released_resident_is_free() -> None:
    slots = SlotTable(1)
    slots.retire(slots.claim())
    slots.release(0)
    assert slots.has_free
    slots.check_integrity()
