"""Runs the scenarios and prints a line for each: `suite.py FOLDER-OF-OUR-PROGRAMS [--trace] [--proton-only] [WORDS]`.

Of the folder's contents `interop_peer` and `run_loop` are programs, `tokio` and `std` folders of examples, `proton`
one of Proton's, each named by its language and its name.

With words, only scenarios whose names contain them run. `--trace` shows what all programs print, with Proton's
frame trace. `--proton-only` puts Proton in our place, to see whether the scenarios themselves are sound.
"""

import signal
import sys
from pathlib import Path

import values
from example_scenarios import Examples, example_scenarios
from programs import Stage
from scenarios import Sides, all_scenarios
from shipped_scenarios import shipped_scenarios
from soak import soak_scenarios

SECONDS = 30
HERE = Path(__file__).parent
PROTON = [sys.executable, "-B", str(HERE / "proton_peer.py")]
BROKER = [sys.executable, "-B", str(HERE / "broker.py")]
ADAPTERS = ["tokio", "std"]


def main(folder, *arguments):
    """Runs what the arguments select; the result is the exit status."""
    flags = {word for word in arguments if word.startswith("--")}
    words = " ".join(word for word in arguments if word not in flags)
    passed = failed = 0
    environment = {"PN_TRACE_FRM": "1"} if "--trace" in flags else {}
    for name, run in everything(Path(folder), "--proton-only" in flags):
        if words not in name:
            continue
        if perform(name, run, environment, "--trace" in flags):
            passed += 1
        else:
            failed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


def everything(folder, proton_only):
    """Every scenario as its name and a function that runs it on a stage."""
    yield "the table of values: Proton agrees with it", check_table
    own = PROTON if proton_only else [str(folder / "interop_peer")]
    sides = Sides(own, PROTON, [str(folder / "run_loop")], BROKER)
    for name, run in all_scenarios(sides):
        if not (proton_only and name.startswith("run_loop")):
            yield name, run
    adapters = {"stand-in": stand_in} if proton_only else {name: examples_in(folder / name) for name in ADAPTERS}
    examples = Examples(adapters, BROKER, PROTON)
    yield from example_scenarios(examples)
    yield from soak_scenarios(examples)
    yield from shipped_scenarios(examples, folder / "proton")


def stand_in(name):
    """Proton in the place of an example program of ours."""
    return BROKER if name == "broker" else [sys.executable, "-B", str(HERE / "stand_ins.py"), name]


def examples_in(folder):
    """How to start the example programs that are in a folder."""
    return lambda name: [str(folder / name)]


def perform(name, run, environment, verbose):
    """Runs one scenario and says how it went; true if well."""
    with Stage(SECONDS, environment) as stage:
        try:
            run(stage)
        except OSError as error:
            stage.problems.append(str(error))
        well = not stage.problems
    print(f"{'ok  ' if well else 'FAIL'} {name}")
    if verbose or not well:
        print("\n".join(stage.report()))
    sys.stdout.flush()
    return well


def check_table(stage):
    """The two halves of the table of values agree, according to Proton."""
    stage.problems.extend(values.check_table())


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))  # so that stages end their programs
    sys.exit(main(*sys.argv[1:]))
