"""``/metrics`` in Prometheus' own words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
from prometheus_client.parser import text_string_to_metric_families

from alphapy.actors.backfill.messages import BackfillStatistics
from alphapy.actors.kernel.health import BOUNDS, HistogramSnapshot
from alphapy.gateway.shard import ShardState
from alphapy.web.metric_families import backfill_families, buckets
from tests.web.house import PATTERN, shard

if TYPE_CHECKING:
    from prometheus_client import Metric

    from tests.web.house import House


async def scraped(house: House) -> dict[str, Metric]:
    answer = await house.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = list(text_string_to_metric_families(answer.text))
    assert len({family.name for family in families}) == len(families), "a name is given twice"
    return {family.name: family for family in families}


def value(families: dict[str, Metric], sample: str, **labels: str) -> float:
    """The value of one sample."""
    (found,) = [
        found.value
        for family in families.values()
        for found in family.samples
        if found.name == sample and found.labels == labels
    ]
    return float(found)


async def test_every_name_is_ours_or_the_process_own_and_every_family_is_described(house: House) -> None:
    await house.greet(1)
    for name, family in (await scraped(house)).items():
        assert re.fullmatch(r"(alphapy|process)_[a-z_]+", name)
        assert family.documentation.endswith(".")
        assert family.type != "unknown"


def test_what_is_read_back() -> None:
    counts = BackfillStatistics(waiting=2, reading=1, held=5, messages=7, forbidden=3, cut=1)
    found = {family.name: family for family in backfill_families(counts)}
    assert value(found, "alphapy_backfill_guilds", phase="waiting") == 2
    assert value(found, "alphapy_backfill_guilds", phase="telling") == 0
    assert value(found, "alphapy_backfill_held") == 5
    assert value(found, "alphapy_backfill_messages_total") == 7
    assert value(found, "alphapy_backfill_incomplete_channels_total", reason="forbidden") == 3


async def test_actors_by_pattern(house: House) -> None:
    await house.greet(1, 2)
    found = await scraped(house)
    assert value(found, "alphapy_actors", pattern=PATTERN) == 2
    assert value(found, "alphapy_actors", pattern="process/health_history") == 0
    assert value(found, "alphapy_actor_processed_total", pattern=PATTERN) == 2
    assert value(found, "alphapy_mailbox_messages", pattern=PATTERN) == 0
    assert value(found, "alphapy_actor_handling_seconds_count", pattern=PATTERN) == 2
    assert value(found, "alphapy_actor_handling_seconds_bucket", pattern=PATTERN, le="+Inf") == 2
    assert value(found, "alphapy_actor_handling_seconds_bucket", pattern=PATTERN, le="10.0") == 2


async def test_no_label_grows_with_the_number_of_guilds(house: House) -> None:
    await house.greet(1)
    before = (await house.get("/metrics")).text.count("\n")
    await house.greet(*range(2, 40))
    assert (await house.get("/metrics")).text.count("\n") == before


async def test_the_gateway(house: House) -> None:
    house.gateway.shards = (shard(0), shard(1, state=ShardState.RESUMING))
    found = await scraped(house)
    states = {
        (sample.labels["shard"], sample.labels["state"])
        for sample in found["alphapy_shard_state"].samples
        if sample.value == 1
    }
    assert states == {("0", "ready"), ("1", "resuming")}
    assert value(found, "alphapy_shard_heartbeat_latency_seconds", shard="0") == 0.042
    assert (
        value(found, "alphapy_shard_heartbeat_latency_quantile_seconds", shard="0", quantile="0.95") == 0.09
    )
    assert value(found, "alphapy_shard_reconnects_total", shard="1") == 2
    assert value(found, "alphapy_shard_malformed_total", shard="1", kind="envelope") == 3
    assert value(found, "alphapy_session_starts_remaining") == 998
    assert value(found, "alphapy_router_events_total", event="MESSAGE_CREATE") == 41
    assert value(found, "alphapy_router_malformed_events_total", event="MESSAGE_CREATE") == 1


async def test_what_is_not_known_is_left_out(house: House) -> None:
    nothing = attrs.evolve(shard().latency, last=None, p50=None, p95=None)
    house.gateway.shards = (shard(latency=nothing),)
    found = await scraped(house)
    assert found["alphapy_shard_heartbeat_latency_seconds"].samples == []


async def test_rest_interactions_pool_and_service(house: House) -> None:
    found = await scraped(house)
    assert value(found, "alphapy_rest_answers_total", **{"class": "4xx"}) == 2
    assert value(found, "alphapy_rest_rate_limited_total", scope="user") == 1
    assert value(found, "alphapy_rest_waited_seconds_total") == 0.75
    assert value(found, "alphapy_rest_waiting", priority="interaction") == 0
    assert value(found, "alphapy_interactions_received_total") == 20
    assert value(found, "alphapy_pool_available") == 1
    assert value(found, "alphapy_pool_connections", state="idle") >= 0
    assert value(found, "alphapy_event_budget_limit") == 1000
    assert value(found, "alphapy_dead_letters_parked_total") == 0
    assert value(found, "alphapy_dead_letters_stored") == 0
    assert value(found, "alphapy_log_behind", shard="0") == 4
    assert value(found, "alphapy_log_open", shard="0") == 2
    assert value(found, "alphapy_router_misjudged_total", feature="greeter") == 6
    assert value(found, "alphapy_dead_letters_dropped_total") == 0
    assert value(found, "alphapy_guilds") == 3
    assert found["alphapy_build_info"].samples[0].labels["version"] == "1.2.3"
    assert value(found, "process_resident_memory_bytes") > 1_000_000


def test_buckets_are_cumulative() -> None:
    counts = tuple(range(len(BOUNDS) + 1))
    found = buckets(HistogramSnapshot(BOUNDS, counts, 1.0))
    assert found[:3] == [("0.0005", 0.0), ("0.001", 1.0), ("0.0025", 3.0)]
    assert found[-1] == ("+Inf", float(sum(counts)))


async def test_the_operators_page_names_only_figures_that_exist(house: House) -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    families = await scraped(house)
    named = set(re.findall(r"\balphapy_[a-z_]+\b", page))
    assert len(named) > 10
    for name in named:
        family = families[name.removesuffix("_total")]
        assert (family.type == "counter") is name.endswith("_total"), name
