"""JSON Schema's keywords, by what becomes of them. Data, for `schemas`.

What is in no table is refused by name: a keyword that is taken is enforced.
https://json-schema.org/draft/2020-12/json-schema-validation
"""

SCHEMA = frozenset({"additionalProperties", "additionalItems", "items"})
"""Their value is a schema."""

SCHEMAS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems", "items"})
"""Their value is a list of schemas."""

APPLICATORS = frozenset({"allOf", "anyOf", "oneOf", "$ref"})
"""They lay other schemas over this one."""

NAMED_SCHEMAS = frozenset({"properties", "patternProperties", "$defs", "definitions"})
"""Their value holds schemas by name."""

VALUES = frozenset(
    {
        "$ref",
        "const",
        "enum",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "format",
        "maxItems",
        "maxLength",
        "maxProperties",
        "maximum",
        "minItems",
        "minLength",
        "minProperties",
        "minimum",
        "multipleOf",
        "pattern",
        "required",
        "type",
    }
)
"""Their value is no schema, and they are enforced."""

COUNTS = frozenset(
    {"maxItems", "maxLength", "maxProperties", "minItems", "minLength", "minProperties"}
)
"""Of these, values that are whole numbers."""

NAMES = frozenset({"$anchor", "$id", "$schema", "id"})
"""They say how to read the schema."""

ANNOTATIONS = frozenset(
    {
        "$comment",
        "default",
        "deprecated",
        "description",
        "discriminator",
        "example",
        "examples",
        "externalDocs",
        "readOnly",
        "title",
        "writeOnly",
    }
)
"""They forbid nothing, by their definition."""

NEUTRAL = {"uniqueItems": False, "nullable": False, "unevaluatedProperties": True}
"""Refused with another value, since they would forbid something or allow it."""

FORMATS = frozenset(
    {
        "date",
        "date-time",
        "duration",
        "email",
        "hostname",
        "ipv4",
        "ipv6",
        "time",
        "uri",
        "uuid",
    }
)
"""The formats that are enforced."""
