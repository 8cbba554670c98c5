"""One round of kills beside its undisturbed twin, and what has to hold afterwards."""

from dataclasses import asdict, dataclass
from pathlib import Path

from devstack.graph_service import GraphService
from tests.end_to_end.kill_ground import Servers, open_ground
from tests.end_to_end.kill_rounds import Kill, disturbed_run, moments, undisturbed_run
from tests.end_to_end.remains import Remains, remains_of
from tests.end_to_end.truth import PLACES, ids_of, referred_groups


@dataclass(frozen=True, slots=True)
class Twin:
    """What a run that nobody disturbed left, and the requests that it took."""

    remains: Remains
    requests: int


async def make_twin(
    servers: Servers, graph: GraphService, directory: Path, *, seconds: float
) -> Twin:
    """Back up the first tenant of `graph` with one worker that is left in peace."""
    async with open_ground(servers, graph, directory) as ground:
        run, requests = await undisturbed_run(ground, seconds)
        return Twin(await remains_of(ground.product, run), requests)


async def assert_round_leaves_the_same(
    servers: Servers,
    graph: GraphService,
    directory: Path,
    twin: Twin,
    kill: Kill,
    *,
    kills: int,
    seed: int,
    seconds: float,
) -> None:
    """Back up the twin's tenant under kills; hold that nothing tells the two apart."""
    async with open_ground(servers, graph, directory) as ground:
        at = moments(twin.requests, kills, seed)
        run = await disturbed_run(ground, kill, at, seconds)
        found = await remains_of(ground.product, run)

    killed, undisturbed = asdict(found), asdict(twin.remains)
    differing = {name for name, value in killed.items() if value != undisturbed[name]}
    results = {
        key: (row, undisturbed["results"].get(key))
        for key, row in killed["results"].items()
        if row != undisturbed["results"].get(key)
    }
    assert not differing, f"{differing}, of the results: {results}"
    assert found.outcome == "succeeded"
    assert {key: set(ids) for key, ids in found.documents.items()} == {
        key: set(ids_of(graph, key)) for key in PLACES
    } | {"group": referred_groups(graph)}
    assert found.rows["operation_run_steps"] == found.rows["run_leases"] == 0
    assert found.rows["operation_runs"] == found.rows["backup_sets"] == 1
