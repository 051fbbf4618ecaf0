"""The Proton side of the suite: `proton_peer.py connect|listen HOST:PORT MODE [NAME=VALUE]...`.

Prints `listening on HOST:PORT` once it listens and `passed` at the end, or one line `failed: REASON` for each
thing that was wrong, with exit status 1.
"""

import sys

from proton.reactor import Container

import deliveries
import ends
import faults
import links
import modes
import queue_modes
from exchange import Options

MODES = {
    "types-send": modes.TypesSend,
    "types-receive": modes.TypesReceive,
    "sections-send": modes.SectionsSend,
    "sections-receive": modes.SectionsReceive,
    "outcomes-send": modes.OutcomesSend,
    "outcomes-receive": modes.OutcomesReceive,
    "big-send": modes.BigSend,
    "big-receive": modes.BigReceive,
    "hello-send": modes.HelloSend,
    "hello-receive": modes.HelloReceive,
    "numbers-receive": modes.NumbersReceive,
    "settled-send": links.SettledSend,
    "settled-receive": links.SettledReceive,
    "second-send": links.SecondSend,
    "second-receive": links.SecondReceive,
    "drain-send": links.DrainSend,
    "drain-receive": links.DrainReceive,
    "window-receive": deliveries.WindowReceive,
    "abort-send": deliveries.AbortSend,
    "abort-receive": deliveries.AbortReceive,
    "reattach-send": deliveries.ReattachSend,
    "reattach-receive": deliveries.ReattachReceive,
    "dynamic-send": deliveries.DynamicSend,
    "dynamic-receive": deliveries.DynamicReceive,
    "turn-away": ends.TurnAway,
    "turned-away": ends.TurnedAway,
    "end": ends.End,
    "ended": ends.Ended,
    "idle": ends.Idle,
    "cut-send": faults.CutSend,
    "cut-receive": faults.CutReceive,
    "lost-send": faults.LostSend,
    "lost-receive": faults.LostReceive,
    "hold-receive": queue_modes.HoldReceive,
    "drain-fetch": queue_modes.DrainFetch,
    "settled-fetch": queue_modes.SettledFetch,
    "request": queue_modes.Request,
    "reply": queue_modes.Reply,
    "pressure": queue_modes.Pressure,
    "login": faults.Login,
    "refused": faults.Refused,
}


def main(role, address, mode, *settings):
    """Runs one mode to its end; the result is the exit status."""
    options = Options(role == "listen", address, dict(word.split("=", 1) for word in settings))
    handler = MODES[mode](options)
    Container(handler).run()
    handler.finish()
    for problem in handler.problems:
        print(f"failed: {problem}")
    if not handler.problems:
        print("passed")
    return 1 if handler.problems else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
