from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from support.steps import Controller, open_controller
from support.story import work_until

from unlearn_core.adapters.connectors.data_map import open_data_map
from unlearn_core.domain.exemptions import Kept
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.domain.sources import records_from_bytes, records_to_bytes
from unlearn_core.errors import KeyDestroyedError, StorageError
from unlearn_core.steps import scopes
from unlearn_core.steps.erase_source_records import erase_source_records
from unlearn_core.steps.preview_erasure import Preview, PreviewDesk, preview_erasure

pytestmark = pytest.mark.integration


def desk_of(controller: Controller) -> PreviewDesk:
    return PreviewDesk(custody=controller.custody, sources=controller.opened.sources)


def previews(controller: Controller, request_id: RequestId) -> dict[str, Preview]:
    rows = preview_erasure(request_id, desk=desk_of(controller))
    return {row.source: row for row in rows}


def test_a_preview_counts_what_the_erasure_then_does(controller: Controller) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    with pytest.raises(StorageError):
        previews(controller, request_id)
    work_until(Stage.LOCATED, request_id, bench=bench)
    found = previews(controller, request_id)
    assert {name: row.deleted for name, row in found.items()} == {
        "corpus": 16,
        "support": 12,
        "customers": 1,
    }
    assert all(row.found == row.deleted and not row.staying for row in found.values())
    assert found["customers"].matched["name"] == 1
    result = erase_source_records(request_id, bench=bench)
    assert result.erased == {name: row.deleted for name, row in found.items()}


def test_a_preview_says_what_stays_and_on_which_ground(controller: Controller) -> None:
    request_id = controller.receive()
    work_until(Stage.LOCATED, request_id, bench=controller.bench(request_id))
    scope = scopes.working(request_id)
    first, *others = records_from_bytes(controller.custody.get(scope, scopes.LOCATED))
    kept = replace(first, is_held=True, exemption=Kept.LEGAL_CLAIMS)
    controller.custody.put(scope, scopes.LOCATED, records_to_bytes([kept, *others]))
    row = previews(controller, request_id)[first.source]
    assert (row.found, row.deleted, dict(row.staying)) == (16, 15, {"legal_claims": 1})


def test_a_source_that_may_not_be_erased_keeps_all(tmp_path: Path) -> None:
    controller = open_controller(tmp_path)
    document = yaml.safe_load(controller.paths.data_map.read_text())
    document["sources"][0] |= {
        "erasable": False,
        "base_models": document["base_models"],
    }
    controller.paths.data_map.write_text(yaml.safe_dump(document))
    controller.opened = open_data_map(controller.paths.data_map)
    request_id = controller.receive()
    work_until(Stage.LOCATED, request_id, bench=controller.bench(request_id))
    row = previews(controller, request_id)["corpus"]
    assert (row.found, row.deleted, row.redacted) == (16, 0, 0)
    assert dict(row.staying) == {"not_erasable": 16}
    assert list(row.base_models) == document["base_models"]


def test_after_the_purge_nothing_can_be_previewed(controller: Controller) -> None:
    request_id = controller.receive()
    work_until(Stage.LOCATED, request_id, bench=controller.bench(request_id))
    controller.custody.shred(scopes.working(request_id))
    with pytest.raises(KeyDestroyedError):
        previews(controller, request_id)
