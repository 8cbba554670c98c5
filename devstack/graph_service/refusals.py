"""Refusals with the texts of api.md d.4 and f, one function per situation."""

from __future__ import annotations

from collections.abc import Sequence

from devstack.graph_service.answers import BodyStyle, GraphRefusalError
from devstack.graph_service.catalog import Collection
from devstack.graph_service.permissions import is_directory


def unknown_segment(segment: str) -> GraphRefusalError:
    """A path this version of the API does not have."""
    return GraphRefusalError(400, "BadRequest", f"Resource not found for the segment '{segment}'.")


def unknown_version(version: str) -> GraphRefusalError:
    """A first path segment that is no API version."""
    return GraphRefusalError(404, "ResourceNotFound", f"Invalid version: {version}")


def unknown_property(name: str, collection: Collection) -> GraphRefusalError:
    """Text of row f.13."""
    return GraphRefusalError(
        400,
        "BadRequest",
        "Parsing OData Select and Expand failed: Could not find a property named"
        f" '{name}' on type 'microsoft.graph.{collection.entity}'.",
    )


def bad_query(message: str, *, code: str = "BadRequest") -> GraphRefusalError:
    """A query option that the service does not take."""
    return GraphRefusalError(400, code, message)


def missing_object(collection: Collection, identifier: str) -> GraphRefusalError:
    """404 of an object: directory style, or Intune's nested document."""
    if is_directory(collection):
        return GraphRefusalError(
            404,
            "Request_ResourceNotFound",
            f"Resource '{identifier}' does not exist or one of its queried reference-property"
            " objects are not present.",
        )
    return GraphRefusalError(
        404,
        "ResourceNotFound",
        f"{collection.key} not found: {identifier}",
        style=BodyStyle.INTUNE,
    )


def forbidden(collection: Collection, scopes: Sequence[str], style: BodyStyle) -> GraphRefusalError:
    """403: Intune names the accepted scopes, the directory does not."""
    if is_directory(collection):
        return GraphRefusalError(
            403,
            "Authorization_RequestDenied",
            "Insufficient privileges to complete the operation.",
        )
    return GraphRefusalError(
        403,
        "Forbidden",
        "Application is not authorized to perform this operation. Application must have one of"
        f" the following scopes: {', '.join(scopes)}",
        style=style,
    )


def method_not_allowed() -> GraphRefusalError:
    """405 for a method the path does not take."""
    return GraphRefusalError(
        405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target."
    )


def read_only(collection: Collection) -> GraphRefusalError:
    """A built-in object that may not be changed."""
    code = "Request_BadRequest" if is_directory(collection) else "BadRequest"
    return GraphRefusalError(400, code, "Built-in objects cannot be modified or deleted.")
