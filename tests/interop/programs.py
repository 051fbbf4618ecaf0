"""Starting the programs of a scenario, hearing what they say, and ending them, all within a time."""

import os
import signal
import subprocess
import tempfile
import time

LISTENING = "listening on "
POLL_SECONDS = 0.02


class Program:
    """A program that runs in a process group of its own, with its output in a temporary file."""

    def __init__(self, name, command, environment):
        self.name = name
        self.command = command
        self.file = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self.file, stderr=subprocess.STDOUT,
            env={**os.environ, **environment}, start_new_session=True)

    def output(self):
        """All it has printed so far."""
        length = os.fstat(self.file.fileno()).st_size
        return os.pread(self.file.fileno(), length, 0).decode(errors="replace")

    def address(self, deadline):
        """Where it listens, once it has said so; None if it ends or is late."""
        while time.monotonic() < deadline:
            running = self.process.poll() is None
            lines = self.output().split("\n")[:-1]
            for line in lines:
                if line.startswith(LISTENING):
                    return line[len(LISTENING):].strip()
            if not running:
                return None
            time.sleep(POLL_SECONDS)
        return None

    def wait(self, deadline):
        """Its exit status, negative for a signal; None if it is late."""
        try:
            return self.process.wait(max(0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return None

    def end(self):
        """Ends its process group, if anything of it is left."""
        if self.process.poll() is None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()

    def report(self):
        """Command, exit status and output, for a scenario that failed."""
        status = self.process.poll()
        lines = [f"  {self.name}: {' '.join(self.command)}", f"  exit status: {status}"]
        return lines + [f"  | {line}" for line in self.output().splitlines()]


class Stage:
    """The programs of one scenario; leaving it ends them all."""

    def __init__(self, seconds, environment):
        self.deadline = time.monotonic() + seconds
        self.environment = environment
        self.programs = []
        self.problems = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for program in self.programs:
            program.end()

    def start(self, name, command):
        """Starts a program."""
        program = Program(name, command, self.environment)
        self.programs.append(program)
        return program

    def listen(self, name, command):
        """Starts a program and waits until it listens; its address."""
        program = self.start(name, command)
        address = program.address(self.deadline)
        if address is None:
            self.problems.append(f"{name} does not listen")
        return program, address

    def expect(self, program, status=0, line=None):
        """Waits for the end of a program, and checks its exit status and that it has printed a line."""
        actual = program.wait(self.deadline)
        if actual is None:
            self.problems.append(f"{program.name} does not end")
        elif actual != status:
            self.problems.append(f"{program.name} ends with status {actual}, expected {status}")
        if line is not None and line not in program.output().splitlines():
            self.problems.append(f"{program.name} did not print {line!r}")

    def report(self):
        """What went wrong and all that was printed."""
        lines = [f"  {problem}" for problem in self.problems]
        return lines + [line for program in self.programs for line in program.report()]
