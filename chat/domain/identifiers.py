"""What an identifier may look like."""

import re

NAME = r"[A-Za-z0-9._~@:-]{1,128}"
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

is_name = re.compile(NAME).fullmatch
"""Truthy for a tenant, learner or user id: 1–128 characters of `A-Z a-z 0-9 . _ ~ @ : -`."""

is_uuid = re.compile(UUID).fullmatch
"""Truthy for a UUID in lower-case canonical text."""
