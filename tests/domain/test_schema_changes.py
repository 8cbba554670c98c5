from domain.diff import Change, ChangeKind
from domain.schema_changes import ComparedObject, schema_changes

NEW = Change("/newProperty", ChangeKind.ADDED)
EDIT = Change("/description", ChangeKind.CHANGED)
MEMBER = Change("/assignments/0", ChangeKind.ADDED)


def group(count: int, *changes: Change, kind: str = "#a", start: int = 0) -> list[ComparedObject]:
    return [ComparedObject(f"{kind}{n}", kind, changes) for n in range(start, start + count)]


def test_property_that_most_objects_gain_is_a_schema_change() -> None:
    objects = group(8, NEW) + group(2, start=8)
    assert schema_changes(objects) == {f"#a{n}" for n in range(8)}


def test_object_that_was_edited_as_well_is_not_a_schema_change() -> None:
    objects = group(8, NEW) + group(1, NEW, EDIT, start=8)
    assert "#a8" not in schema_changes(objects)
    assert len(schema_changes(objects)) == 8


def test_property_of_nested_objects_counts_wherever_they_stand() -> None:
    objects = [
        ComparedObject(str(n), None, [Change(f"/rules/{n}/new", ChangeKind.ADDED)])
        for n in range(6)
    ]
    assert len(schema_changes(objects)) == 6


def test_few_objects_or_a_minority_prove_nothing() -> None:
    assert schema_changes(group(4, NEW)) == set()
    assert schema_changes(group(6, NEW) + group(4, start=6)) == set()


def test_same_edit_of_every_object_is_their_change() -> None:
    assert schema_changes(group(20, EDIT)) == set()
    assert schema_changes(group(20, MEMBER)) == set()


def test_each_kind_of_object_is_judged_by_itself() -> None:
    objects = group(6, NEW, kind="#a") + group(50, kind="#b")
    assert len(schema_changes(objects)) == 6
