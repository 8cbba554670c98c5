"""The five script kinds; their bodies stand in the item only."""

from __future__ import annotations

from devstack.graph_service.generation.draw import Document
from devstack.graph_service.generation.parts import (
    assignments,
    dates,
    policy_name,
    scope_tags,
    script,
)
from devstack.graph_service.generation.world import World


def _header(world: World, key: str, index: int, prefix: str) -> Document:
    draw = world.draw(key, index, "header")
    return {
        "id": world.id_of(key, index),
        "displayName": policy_name(draw, prefix, index),
        "description": draw.sentence(3, 12),
        **dates(draw),
        "roleScopeTagIds": scope_tags(world, draw),
        "runAsAccount": draw.pick(("system", "user")),
    }


def powershell_script(world: World, index: int) -> Document:
    """A deviceManagementScript."""
    key = "deviceManagementScripts"
    draw = world.draw(key, index)
    top = _header(world, key, index, "PowerShell")
    return {
        **top,
        "enforceSignatureCheck": draw.chance(0.3),
        "fileName": f"script{index}.ps1",
        "runAs32Bit": draw.chance(0.2),
        "scriptContent": script(draw, draw.skewed(2500, 9000, 60000)),
        "assignments": assignments(world, draw, top["id"]),
    }


def shell_script(world: World, index: int) -> Document:
    """A deviceShellScript for macOS."""
    key = "deviceShellScripts"
    draw = world.draw(key, index)
    top = _header(world, key, index, "Shell")
    return {
        **top,
        "fileName": f"script{index}.sh",
        "retryCount": draw.number(0, 3),
        "executionFrequency": draw.pick(("PT0S", "PT15M", "P1D")),
        "blockExecutionNotifications": draw.chance(0.5),
        "scriptContent": script(draw, draw.skewed(1800, 6000, 30000), unix=True),
        "assignments": assignments(world, draw, top["id"]),
    }


def custom_attribute(world: World, index: int) -> Document:
    """A deviceCustomAttributeShellScript."""
    key = "deviceCustomAttributeShellScripts"
    draw = world.draw(key, index)
    top = _header(world, key, index, "Attribute")
    return {
        **top,
        "customAttributeName": draw.title(1),
        "customAttributeType": draw.pick(("string", "integer", "dateTime")),
        "fileName": f"attribute{index}.sh",
        "scriptContent": script(draw, draw.number(300, 2000), unix=True),
        "assignments": assignments(world, draw, top["id"]),
    }


def health_script(world: World, index: int) -> Document:
    """A deviceHealthScript; the third of a larger tenant is Microsoft's own and read-only."""
    key = "deviceHealthScripts"
    draw = world.draw(key, index)
    top = _header(world, key, index, "Remediation")
    is_global = index == 2
    rows = [
        {**row, "runRemediationScript": draw.chance(0.8), "runSchedule": _schedule(index)}
        for row in assignments(world, draw, top["id"])
    ]
    return {
        **top,
        "publisher": "Microsoft" if is_global else draw.title(2),
        "version": f"{draw.number(1, 9)}",
        "enforceSignatureCheck": False,
        "runAs32Bit": draw.chance(0.2),
        "isGlobalScript": is_global,
        "highestAvailableVersion": "2" if is_global else None,
        "deviceHealthScriptType": "deviceHealthScript",
        "detectionScriptParameters": [],
        "remediationScriptParameters": [],
        "detectionScriptContent": script(draw, draw.skewed(1500, 5000, 20000)),
        "remediationScriptContent": script(draw, draw.skewed(1500, 5000, 20000)),
        "assignments": [] if is_global else rows,
    }


def _schedule(index: int) -> Document:
    return {
        "@odata.type": "#microsoft.graph.deviceHealthScriptDailySchedule",
        "interval": 1 + index % 7,
        "useUtc": False,
        "time": "09:00:00.0000000",
    }


def compliance_script(world: World, index: int) -> Document:
    """A deviceComplianceScript."""
    key = "deviceComplianceScripts"
    draw = world.draw(key, index)
    return {
        **_header(world, key, index, "Compliance script"),
        "publisher": draw.title(2),
        "version": str(draw.number(1, 9)),
        "enforceSignatureCheck": False,
        "runAs32Bit": False,
        "platform": "windows10",
        "detectionScriptContent": script(draw, draw.number(800, 4000)),
    }
