"""The example records beside the schemas, as a producer would send them."""

from pathlib import Path

import pytest

from schemas import PUBLISHED, CodecError, Format, decode, encode

EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples"
GOOD = sorted(EXAMPLES.glob("*/good/*.json"))
BAD = sorted(EXAMPLES.glob("*/bad/*.json"))


def name_of(path: Path) -> str:
    return str(path.relative_to(EXAMPLES))


@pytest.mark.parametrize("path", GOOD, ids=name_of)
def test_a_good_example_is_a_record_of_its_folder(path: Path) -> None:
    """A good example decodes to the type that its folder names, with every field of the schema."""
    record = decode(path.read_bytes())
    schema = PUBLISHED.newest[path.parts[-3]].schema
    assert record.type == path.parts[-3]
    assert list(record.fields) == [field["name"] for field in schema["fields"]]


@pytest.mark.parametrize("path", GOOD, ids=name_of)
@pytest.mark.parametrize("form", Format)
def test_a_good_example_survives_both_formats(path: Path, form: Format) -> None:
    """A good example, encoded and decoded again, is the same record."""
    record = decode(path.read_bytes())
    assert decode(encode(record.type, record.fields, form)) == record


@pytest.mark.parametrize("path", BAD, ids=name_of)
def test_a_bad_example_has_the_code_in_its_name(path: Path) -> None:
    """A bad example is refused with the code that its file's name ends with."""
    with pytest.raises(CodecError) as raised:
        decode(path.read_bytes())
    assert raised.value.code == path.stem.rpartition(".")[2]


def test_every_record_has_examples_of_both_kinds() -> None:
    """No record of the schemas is without a good and a bad example, and no example without a record."""
    assert {path.parts[-3] for path in GOOD} == set(PUBLISHED.newest)
    assert {path.parts[-3] for path in BAD} == set(PUBLISHED.newest)
