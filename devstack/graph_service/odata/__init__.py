"""The part of OData that Graph's clients use: query options, filters, projection."""

from devstack.graph_service.odata.options import MalformedQueryError, QueryOptions, parse_options

__all__ = ["MalformedQueryError", "QueryOptions", "parse_options"]
