"""The arithmetic from a command's cost to what a million a second need."""

import pytest

from bench.scaling import Costs, needs, table

COSTS = Costs(worker=120, first_touch=600, cassandra=160, kafka=20, stored=500, for_ever=200, command=600, event=400)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("workers, every thread known", "200"),  # 120 cores at 60 %
        ("workers, every thread loaded first", "1,000"),
        ("partitions", "1,024"),  # 4 a worker, and a power of two
        ("Kafka: produced a second", "1 GB"),
        ("Kafka: brokers by bytes", "10"),
        ("Cassandra: cores, three replicas", "800.0"),
        ("Cassandra: nodes by CPU", "50"),
        ("Cassandra: bytes a day, three replicas", "130 TB"),  # 500 · 3 · 86,400 · 10⁶ = 129.6 · 10¹²
        ("of which never expire", "51.8 TB"),
        ("Cassandra: kept, a year of it", "47.3 PB"),
        ("Cassandra: nodes by disk, a year of it", "11,826"),
    ],
)
def test_a_million_a_second_need(name: str, value: str) -> None:
    """By hand, of costs that are easily multiplied."""
    assert needs(COSTS, 1_000_000)[name] == value


def test_few_commands_need_three_of_everything_that_is_replicated() -> None:
    """A share of a machine is a machine, and a replica is one of its own."""
    few = needs(COSTS, 10)
    assert (few["Kafka: brokers by bytes"], few["Cassandra: nodes by CPU"], few["partitions"]) == ("3", "3", "8")


def test_the_table_has_a_column_for_each_rate() -> None:
    """And one line for each need."""
    head, rule, *lines = table(COSTS, (10, 100))
    assert head == "| commands a second, day and night | 10 | 100 |"
    assert rule.count("---") == 3
    assert [line.split(" | ")[0].removeprefix("| ") for line in lines] == list(needs(COSTS, 10))
    assert all(line.count("|") == 4 for line in lines)
