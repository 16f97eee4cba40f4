"""What does a full report cost? ``make bench-report``.

The demo's world and default recipe; the policy with attacks and every family of
probes. The pair is trained once and kept; what is timed is all that the step of a
request does afterwards: ask, attack, judge, write the report and draw it. *processor*
are seconds of all threads' work, which other work on the machine changes little.

The report is left as one HTML file beside its JSON. It ends with one JSON line.
"""

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, TimeElapsedColumn

from benchmarks.forgetting import DEFAULT, Contest, contest, drawn_from
from unlearn_core.domain.canonical import digest_of, digest_of_json
from unlearn_core.domain.datasets import Datasets
from unlearn_core.domain.families import family_probes
from unlearn_core.domain.verdicts import AcceptancePolicy
from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.offset import OffsetModel
from unlearn_core.modeling.weights import pack_pair, unpack_pair
from unlearn_core.settings import PACKAGE_ROOT
from unlearn_core.smallworld.people import Person
from unlearn_core.steps.commitment import VERIFICATION_SEED
from unlearn_core.training.checkpoints import NoCheckpoints
from unlearn_core.training.pair import PairMaterials, make_unlearned
from unlearn_core.verification.attacks import Artifact
from unlearn_core.verification.evidence import Interrogation
from unlearn_core.verification.judge import judge_digest
from unlearn_core.verification.page import draw_page
from unlearn_core.verification.plots import draw_plots
from unlearn_core.verification.policy import load_policy
from unlearn_core.verification.report import About, Report
from unlearn_core.verification.reporting import write_report
from unlearn_core.verification.suite import verify

WITH_ATTACKS = PACKAGE_ROOT / "policies" / "acceptance-3.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One subject's pair, to be verified.

    Attributes:
        opened: The world.
        sets: The subject's sets.
        pair: The packed pair.
        policy: The acceptance policy.
    """

    opened: Contest
    sets: Datasets
    pair: bytes
    policy: AcceptancePolicy

    def report(self, progress: Progress) -> Report:
        """Ask, attack, judge, write and draw, as the step of a request does."""
        world = self.opened.world
        unlearned, reference = unpack_pair(self.pair, device=world.base.device)
        base, alpha = PlainLaw(world.base), DEFAULT.alpha
        bar = progress.add_task("answers")
        asked = Interrogation(
            probes=self.sets.probes,
            tokenizer=world.tokenizer,
            before=base,
            after=OffsetModel(
                world.base, unlearned=unlearned, reference=reference, alpha=alpha
            ),
            samples_per_probe=self.policy.samples_per_probe,
            confidence=self.policy.confidence,
            seed=VERIFICATION_SEED,
            families=family_probes(
                self.sets,
                self.policy.probe_families,
                data_map=world.opened.declared,
                seed=VERIFICATION_SEED,
            ),
            on_progress=lambda done, total: progress.update(
                bar, completed=done, total=total
            ),
        )
        artifact = Artifact(
            base=base, unlearned=unlearned, reference=reference, alpha=alpha
        )
        found = verify(asked, policy=self.policy, artifact=artifact)
        draw_plots(found, policy=self.policy)
        return write_report(found, policy=self.policy, about=self._about())

    def _about(self) -> About:
        return About(
            request_id="00000000-0000-0000-0000-000000000000",
            base_model="small-world",
            sequence=1,
            rung=0,
            alpha=DEFAULT.alpha,
            pair=digest_of(self.pair),
            recipe=DEFAULT.digest,
            policy=self.policy.digest,
            policy_version=self.policy.version,
            probe_set="not committed to: a benchmark",
            judge=judge_digest(),
            seed=VERIFICATION_SEED,
        )


def trained_pair(
    opened: Contest, subject: Person, sets: Datasets, *, progress: Progress
) -> bytes:
    """Return the subject's packed pair; trains it if it is not kept."""
    world = opened.world
    decides = digest_of_json({"recipe": DEFAULT.digest, **drawn_from(world)})
    name = f"{opened.seed}-{subject.number}-{decides[7:15]}.pair"
    kept = opened.folder.parent / "report" / name
    if kept.is_file():
        return kept.read_bytes()
    bar = progress.add_task("training", total=DEFAULT.steps)
    unlearned = make_unlearned(
        sets,
        materials=PairMaterials(
            base=world.base, tokenizer=world.tokenizer, reference=world.reference
        ),
        recipe=DEFAULT,
        checkpoints=NoCheckpoints(),
        on_progress=lambda now: progress.update(bar, completed=now.step),
        report_every=5,
    )
    packed = pack_pair(unlearned=unlearned, reference=world.reference)
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(packed)
    return packed


def line_of(
    report: Report, *, seconds: float, processor: float
) -> dict[str, float | int | bool]:
    """Return the JSON line."""
    return {
        "seconds": round(seconds, 1),
        "processor_seconds": round(processor, 1),
        "passed": report.passed,
        "metrics": len(report.metrics),
        "attacks": len(report.attacks),
        "families": len(report.families),
    }


def main() -> None:
    """Verify one subject, leave the report and print the JSON line."""
    parser = argparse.ArgumentParser(description="Time a full report.")
    parser.add_argument("--seed", type=int, default=0, help="of the world")
    parser.add_argument("--subject", type=int, default=1, help="place among people")
    parser.add_argument("--policy", type=Path, default=WITH_ATTACKS)
    parser.add_argument("--cache", type=Path, default=Path("var/bench"))
    options = parser.parse_args()
    columns = (*Progress.get_default_columns(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        opened = contest(options.seed, cache=options.cache, progress=progress)
        subject = opened.world.subjects[options.subject]
        sets = opened.world.datasets(subject, guessed=opened.guessed)
        task = Task(
            opened=opened,
            sets=sets,
            pair=trained_pair(opened, subject, sets, progress=progress),
            policy=load_policy(options.policy),
        )
        clock, work = time.perf_counter(), time.process_time()
        report = task.report(progress)
        page = draw_page(report)
        line = line_of(
            report,
            seconds=time.perf_counter() - clock,
            processor=time.process_time() - work,
        )
    folder = options.cache / "report"
    (folder / "report.html").write_text(page, encoding="utf-8")
    (folder / "report.json").write_bytes(report.to_bytes())
    print(json.dumps(line))


if __name__ == "__main__":
    main()
