"""All targets by their names."""

from collections.abc import Mapping

from fuzz import codec_avro, codec_json, cursors, tokens
from fuzz.target import Target

TARGETS: Mapping[str, Target] = {
    "codec-avro": codec_avro,
    "codec-json": codec_json,
    "tokens": tokens,
    "cursors": cursors,
}
