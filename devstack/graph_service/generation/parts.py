"""Pieces that many generated types share: headers, assignments, scope tags, scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devstack.graph_service.generation.draw import RINGS, ZERO_GUID, Document, Draw, encode_text

if TYPE_CHECKING:
    from devstack.graph_service.generation.world import World

GRAPH = "#microsoft.graph."


def dates(draw: Draw) -> Document:
    """createdDateTime and a lastModifiedDateTime not before it."""
    created, modified = sorted((draw.moment(), draw.moment()))
    return {"createdDateTime": created, "lastModifiedDateTime": modified}


def policy_name(draw: Draw, prefix: str, index: int) -> str:
    """A display name that is unique within its collection."""
    return f"{prefix} - {draw.title(2)} - {draw.pick(RINGS)} {index + 1:04d}"


def scope_tags(world: World, draw: Draw) -> list[str]:
    """Mostly the default tag alone."""
    total = world.count("roleScopeTags")
    if total > 1 and draw.chance(0.3):
        return ["0", str(draw.number(1, total - 1))]
    return ["0"]


def header(world: World, draw: Draw, key: str, index: int, prefix: str) -> Document:
    """Id, name, description, dates, version and scope tags, as most Intune objects begin."""
    return {
        "id": world.id_of(key, index),
        "displayName": policy_name(draw, prefix, index),
        "description": draw.sentence(4, 14) if draw.chance(0.8) else None,
        **dates(draw),
        "version": draw.number(1, 20),
        "roleScopeTagIds": scope_tags(world, draw),
    }


def target(world: World, draw: Draw) -> Document:
    """An assignment target with or without a filter (api.md a.0)."""
    group = world.pick_id(draw, "groups")
    position = draw.number(1, 10)
    if group is not None and position <= 7:
        chosen: Document = {"@odata.type": f"{GRAPH}groupAssignmentTarget", "groupId": group}
    elif group is not None and position == 8:
        chosen = {"@odata.type": f"{GRAPH}exclusionGroupAssignmentTarget", "groupId": group}
    elif position == 9:
        chosen = {"@odata.type": f"{GRAPH}allLicensedUsersAssignmentTarget"}
    else:
        chosen = {"@odata.type": f"{GRAPH}allDevicesAssignmentTarget"}
    identifier = world.pick_id(draw, "assignmentFilters") if draw.chance(0.3) else None
    # No filter is sometimes null and sometimes the zero GUID (api.md a.0).
    absent = None if draw.chance(0.7) else ZERO_GUID
    return {
        **chosen,
        "deviceAndAppManagementAssignmentFilterId": identifier or absent,
        "deviceAndAppManagementAssignmentFilterType": (
            draw.pick(("include", "exclude")) if identifier else "none"
        ),
    }


def assignments(world: World, draw: Draw, owner: str) -> list[Document]:
    """Between none and five assignments; now and then more than a page of them."""
    count = draw.pick((0, 1, 1, 1, 2, 2, 3, 5))
    if draw.chance(0.01):
        count = draw.number(26, 60)
    rows = []
    for _ in range(count):
        from_set = draw.chance(0.03)
        rows.append(
            {
                "id": f"{owner}_{draw.guid()}",
                "source": "policySets" if from_set else "direct",
                "sourceId": draw.guid() if from_set else owner,
                "target": target(world, draw),
            }
        )
    return rows


def script(draw: Draw, size: int, *, unix: bool = False) -> str:
    """A script of about so many bytes, base64."""
    lines = ["#!/bin/zsh" if unix else "#Requires -Version 5.1"]
    length = 0
    while length < size:
        name = draw.title(2).replace(" ", "")
        if unix:
            line = f'defaults write /Library/Preferences/{draw.words(1)} {name} "{draw.words(3)}"'
        else:
            line = f"Set-ItemProperty -Path 'HKLM:\\Software\\{name}' -Name {draw.words(1)}"
            line += f" -Value {draw.number(0, 99)} # {draw.words(4)}"
        lines.append(line)
        length += len(line) + 1
    return encode_text("\n".join(lines) + "\n")


def image(draw: Draw, low: int, high: int) -> Document:
    """A mimeContent picture of so many bytes."""
    return {"type": "image/png", "value": draw.base64_bytes(draw.number(low, high))}
