# SPDX-License-Identifier: Apache-2.0
"""Runs cells on workers, prints a line for each, and at the end what came of them."""

import argparse
import collections
import dataclasses
import fnmatch
import itertools
import multiprocessing
import os
import pathlib
import queue
import signal
import sys
import time
import traceback
import xml.etree.ElementTree as tree

import oracle
from cells import all_cells, classes
from soak import STORM, storms
from tramtest import BIN, ROOT
from world import Bench, NotFired, Skipped, World

SUITE_SEED = 2026
KEPT = ROOT / "build" / "fault" / "failed"
TRIES = ("first try", "second try", "third try")


@dataclasses.dataclass
class Unfired:
    """A try whose fault did not fire, and of which nothing else is to be said: it shows nothing, and was thrown away."""
    seed: int
    said: str
    kept: str


@dataclasses.dataclass
class Outcome:
    name: str
    seed: int
    seconds: float
    proofs: list
    complaints: list
    recovery_s: float
    reports: int
    kept: str = ""
    skipped: str = ""
    unfired: list = dataclasses.field(default_factory=list)  # Unfired, of the tries before this one

    @property
    def passed(self):
        return not self.complaints


# ---------------------------------------------------------------- one cell

class TooLong(Exception):
    pass


def too_long(*_):
    raise TooLong("the cell took longer than any cell may")


def judge(world, cell):
    """What is wrong, in words (empty when nothing is), and whether the fault fired. Skipped goes through."""
    try:
        signal.alarm(cell.patience_s)
        cell.run(world)
        return oracle.complaints(world.finish()), True
    except Skipped:
        raise
    except NotFired as error:
        return [f"the fault did not fire: {error}", *while_it_ran(world)], False
    except Exception as error:  # whatever a scenario runs into is the cell's failure, told with its place
        place = traceback.extract_tb(error.__traceback__)[-1]
        return [f"{type(error).__name__}: {error} ({pathlib.Path(place.filename).name}:{place.lineno})", *while_it_ran(world)], True
    finally:
        signal.alarm(0)


def while_it_ran(world):
    """What is wrong with a cell that broke off, as far as that can be asked."""
    return [*oracle.complaints(world.facts, oracle.WHILE_IT_RAN), *world.crashes()]


def try_cell(bench, cell, seed):
    """One try: its outcome, and whether the fault fired."""
    began = time.monotonic()
    world = World(bench, cell.name, seed)
    kept = skipped = ""
    said, fired = [], True
    try:
        said, fired = judge(world, cell)
        if said:
            kept = str(KEPT / f"{cell.name}-{seed}")
            world.keep(pathlib.Path(kept), said)
    except Skipped as reason:
        skipped = str(reason)
    finally:
        world.close()
    took = [s for s in world.facts.recovery_s.values() if s is not None]
    return Outcome(cell.name, seed, time.monotonic() - began, world.proofs, said, max(took, default=0.0),
                   len(world.facts.reports), kept, skipped), fired


def run_cell(bench, cell, seed, tries=len(TRIES)):
    """
    A fault that did not fire proves nothing, so the cell is tried again with other draws; the outcome is that of the last
    try. Whoever complains of anything else is never asked twice: a defect may show only now and then.
    """
    unfired, first_seed = [], seed
    for number in range(1, tries + 1):
        outcome, fired = try_cell(bench, cell, seed)
        outcome.unfired = list(unfired)
        if fired or len(outcome.complaints) > 1 or number == tries:
            return outcome
        unfired.append(Unfired(seed, outcome.complaints[0], outcome.kept))
        seed = cell.seed(f"{first_seed} {TRIES[number]}")


# ---------------------------------------------------------------- workers

def stop_with_parent(*_):
    raise SystemExit(1)


def work(todo, done, tries):
    """A worker's life: a bench of its own, cells until there are none."""
    parent = os.getppid()
    signal.signal(signal.SIGALRM, too_long)
    signal.signal(signal.SIGTERM, stop_with_parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    by_name = {cell.name: cell for cell in [*all_cells(), STORM]}
    bench = Bench()
    try:
        while os.getppid() == parent:
            item = todo.get()
            if item is None:
                return
            try:
                done.put(run_cell(bench, by_name[item[0]], item[1], tries))
            except Exception:  # the bench itself broke: said, and a new one for the next cell
                done.put(Outcome(*item, 0, [], [f"the harness broke:\n{traceback.format_exc()}"], 0, 0))
                bench.close()
                bench = Bench()
    finally:
        bench.close()


def run_all(items, jobs, tell, tries=len(TRIES)):
    """Every (cell name, seed) that items gives, when a worker is free for it; tell() is called with each outcome as it comes."""
    context = multiprocessing.get_context("fork")
    todo, done, items = context.Queue(), context.Queue(), iter(items)
    workers = [context.Process(target=work, args=(todo, done, tries)) for _ in range(jobs)]
    for worker in workers:
        worker.start()
    try:
        waiting = 0
        for item in itertools.islice(items, jobs):
            todo.put(item)
            waiting += 1
        while waiting:
            tell(next_outcome(done, workers))
            waiting -= 1
            for item in itertools.islice(items, 1):
                todo.put(item)
                waiting += 1
        for _ in workers:
            todo.put(None)
    finally:
        for worker in workers:
            if sys.exc_info()[0]:
                worker.terminate()
            worker.join()


def next_outcome(done, workers):
    while True:
        try:
            return done.get(timeout=1)
        except queue.Empty:
            if not any(worker.is_alive() for worker in workers):
                raise SystemExit("every worker has ended before its time") from None


# ---------------------------------------------------------------- telling

def line_of(outcome):
    mark = "skip" if outcome.skipped else "ok  " if outcome.passed else "FAIL"
    proof = outcome.skipped or "; ".join(outcome.proofs) or "-"
    if outcome.unfired:
        proof = f"{TRIES[len(outcome.unfired)]}: {proof}"
    return (f"{mark} {outcome.name:<52} seed {outcome.seed:<10} {outcome.seconds * 1000:6.0f} ms, recovered in "
            f"{outcome.recovery_s * 1000:5.0f} ms, {outcome.reports:4} reports | {proof}")


def lines_of(outcome):
    """With the tries that were thrown away."""
    return [line_of(outcome), *(f"       {name} (seed {u.seed}): {u.said}; logs: {u.kept}" for name, u in zip(TRIES, outcome.unfired))]


def tell(outcome):
    print("\n".join(lines_of(outcome)), flush=True)
    for text in outcome.complaints:
        print(f"       {text}", flush=True)
    if not outcome.passed:
        print(f"       again:  tests/fault/run --cell {outcome.name} --seed {outcome.seed}\n       logs:   {outcome.kept}", flush=True)


def tell_end(outcomes, seed, seconds):
    by_class = collections.defaultdict(lambda: [0, 0, 0.0, 0])
    for o in (o for o in outcomes if not o.skipped):
        row = by_class[o.name.split("-")[0]]
        row[0] += o.passed
        row[1] += not o.passed
        row[2] += o.seconds
        row[3] += o.reports
    print(f"\n{'class':<12} {'passed':>7} {'failed':>7} {'seconds':>8} {'reports':>8}")
    for name, (passed, failed, took, reports) in sorted(by_class.items()):
        print(f"{name:<12} {passed:>7} {failed:>7} {took:>8.0f} {reports:>8}")
    passed, skipped = sum(o.passed and not o.skipped for o in outcomes), sum(bool(o.skipped) for o in outcomes)
    again = sum(bool(o.unfired) for o in outcomes)
    print(f"\nsuite seed {seed}; {seconds:.0f} s; programs: {BIN}" + (f"; {skipped} skipped" if skipped else "")
          + (f"; {again} tried again, as the fault had not fired" if again else ""))
    print(f"{passed} passed, {len(outcomes) - passed - skipped} failed")


def write_junit(path, outcomes, seconds):
    suite = tree.Element("testsuite", name="fault", tests=str(len(outcomes)), time=f"{seconds:.1f}",
                         failures=str(sum(not o.passed for o in outcomes)))
    for o in outcomes:
        case = tree.SubElement(suite, "testcase", classname=f"fault.{o.name.split('-')[0]}", name=o.name, time=f"{o.seconds:.3f}")
        if o.skipped:
            tree.SubElement(case, "skipped", message=o.skipped)
        if not o.passed:
            failure = tree.SubElement(case, "failure", message=o.complaints[0][:300])
            failure.text = "\n".join([*o.complaints, f"tests/fault/run --cell {o.name} --seed {o.seed}"])
        tree.SubElement(case, "system-out").text = "\n".join(lines_of(o))
    path.parent.mkdir(parents=True, exist_ok=True)
    tree.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)


# ---------------------------------------------------------------- the command

def chosen(options):
    cells = all_cells() + [STORM] * (STORM.name in (options.cell or ()))
    if options.class_:
        cells = [cell for cell in cells if cell.class_ in options.class_]
    if options.cell:
        cells = [cell for cell in cells if any(fnmatch.fnmatchcase(cell.name, pattern) for pattern in options.cell)]
    if options.quick:
        cells = [cell for cell in cells if cell.quick]
    return cells


def parse(text):
    parser = argparse.ArgumentParser(prog="tests/fault/run", description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--class", dest="class_", action="append", choices=classes(), metavar="CLASS", help=", ".join(classes()))
    parser.add_argument("--cell", action="append", metavar="NAME", help="cells by name, * and ? as in file names")
    parser.add_argument("--seed", type=int, help="of the cell, when one is named in full; else of the suite (%d)" % SUITE_SEED)
    parser.add_argument("--jobs", type=int, default=2, help="workers, each with a PostgreSQL of its own (2)")
    parser.add_argument("--times", type=int, default=1, metavar="N", help="every cell so often, each time with another seed (1)")
    parser.add_argument("--tries", type=int, default=len(TRIES), choices=range(1, len(TRIES) + 1), metavar="N",
                        help="how often a cell is tried whose fault does not fire (%d)" % len(TRIES))
    parser.add_argument("--quick", action="store_true", help="only the few that stand for all")
    parser.add_argument("--list", action="store_true", help="names only")
    parser.add_argument("--soak", type=float, metavar="MINUTES", help="random faults for so long; 0: until it is stopped")
    parser.add_argument("--junit", type=pathlib.Path, metavar="FILE", help="also write the outcomes there")
    return parser.parse_args()


def suite_seed(options):
    """A suite is the same every time unless asked otherwise; a soak is another one every time."""
    if options.seed is None:
        options.seed = SUITE_SEED if options.soak is None else int.from_bytes(os.urandom(4), "big")
    return options.seed


def seeded(cells, options):
    """(name, seed) of what is to run."""
    named = options.seed is not None
    seed = suite_seed(options)
    if named and options.cell and [cell.name for cell in cells] == options.cell:
        return [(cells[0].name, seed + again) for again in range(options.times)]
    if options.soak is not None:
        return storms(options.soak, seed)
    return [(cell.name, cell.seed(f"{seed}.{again}" if again else seed)) for again in range(options.times) for cell in cells]


def main(text):
    options = parse(text)
    cells = chosen(options)
    if options.list:
        print("\n".join(cell.name for cell in cells))
        return 0
    if not (BIN / "tram-aggregator").exists():
        print(f"{BIN} has no programs: cmake --preset fault && cmake --build --preset fault --target fault_programs", file=sys.stderr)
        return 69
    if not cells:
        print("no such cell; --list tells what there is", file=sys.stderr)
        return 64
    outcomes, began = [], time.monotonic()

    def take(outcome):
        outcomes.append(outcome)
        tell(outcome)

    items = seeded(cells, options)
    print(f"suite seed {options.seed}", flush=True)
    run_all(items, options.jobs, take, options.tries)
    seconds = time.monotonic() - began
    tell_end(outcomes, options.seed, seconds)
    if options.junit:
        write_junit(options.junit, outcomes, seconds)
    return 0 if all(o.passed for o in outcomes) else 1
