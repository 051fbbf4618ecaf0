"""Runs the scenarios and prints a line for each: `suite.py FOLDER-OF-OUR-PROGRAMS [--trace] [--proton-only] [WORDS]`.

With words, only scenarios whose names contain them run. `--trace` shows what all programs print, with Proton's
frame trace. `--proton-only` puts Proton in our place, to see whether the scenarios themselves are sound.
"""

import signal
import sys
from pathlib import Path

import values
from programs import Stage
from scenarios import Sides, all_scenarios

SECONDS = 30
HERE = Path(__file__).parent
PROTON = [sys.executable, "-B", str(HERE / "proton_peer.py")]


def main(folder, *arguments):
    """Runs what the arguments select; the result is the exit status."""
    flags = {word for word in arguments if word.startswith("--")}
    words = " ".join(word for word in arguments if word not in flags)
    own = [str(Path(folder) / "interop_peer")]
    run_loop = [str(Path(folder) / "examples" / "run_loop")]
    sides = Sides(PROTON if "--proton-only" in flags else own, PROTON, run_loop)
    passed = failed = 0
    environment = {"PN_TRACE_FRM": "1"} if "--trace" in flags else {}
    for name, run in [("the table of values: Proton agrees with it", check_table), *all_scenarios(sides)]:
        if words not in name or ("--proton-only" in flags and name.startswith("run_loop")):
            continue
        if perform(name, run, environment, "--trace" in flags):
            passed += 1
        else:
            failed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


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
