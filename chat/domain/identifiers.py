"""What an identifier may look like."""

import re

_NAME = re.compile(r"[A-Za-z0-9._~@:-]{1,128}")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

is_name = _NAME.fullmatch
"""Truthy for a tenant, learner or user id: 1–128 characters of `A-Z a-z 0-9 . _ ~ @ : -`."""

is_uuid = _UUID.fullmatch
"""Truthy for a UUID in lower-case canonical text."""
