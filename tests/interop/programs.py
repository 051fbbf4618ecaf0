"""Starting the programs of a scenario, hearing what they say, and ending them, all within a time."""

import os
import signal
import subprocess
import tempfile
import time

LISTENING = "listening on "  # or with a capital letter
POLL_SECONDS = 0.02
REPORTED = 2000  # lines of each program


class Program:
    """A program that runs in a process group of its own, with what it prints in two temporary files."""

    def __init__(self, name, command, environment):
        self.name = name
        self.command = command
        self.file, self.complaints = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self.file, stderr=self.complaints,
            env={**os.environ, **environment}, start_new_session=True)

    def output(self):
        """All it has printed so far."""
        return contents(self.file)

    def lines(self):
        """The whole lines of that."""
        return self.output().split("\n")[:-1]

    def address(self, deadline):
        """Where it listens, once it has said so; None if it ends or is late."""
        line = self.saying(deadline, lambda line: line.lower().startswith(LISTENING))
        return line and line[len(LISTENING):].strip()

    def saying(self, deadline, wanted):
        """The first line that is wanted, once it is there; None if the program ends without it or is late."""
        while time.monotonic() < deadline:
            running = self.process.poll() is None
            line = next(filter(wanted, self.lines()), None)
            if line is not None or not running:
                return line
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
        lines += [f"  | {line}" for line in self.output().splitlines()[-REPORTED:]]
        return lines + [f"  ! {line}" for line in contents(self.complaints).splitlines()[-REPORTED:]]


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

    def expect_exactly(self, program, lines):
        """Waits for the end of a program, which is to succeed and to have printed these lines and no others."""
        self.expect(program)
        if program.output() != "".join(f"{line}\n" for line in lines):
            self.problems.append(f"{program.name} printed {program.output()!r}, expected the lines {lines}")

    def expect_line(self, program, line):
        """Waits until a program, which goes on running, has printed a line; true if it has."""
        if program.saying(self.deadline, lambda one: one == line) is None:
            self.problems.append(f"{program.name} does not print {line!r}")
            return False
        return True

    def report(self):
        """What went wrong and all that was printed."""
        lines = [f"  {problem}" for problem in self.problems]
        return lines + [line for program in self.programs for line in program.report()]


def contents(file):
    """All that a temporary file holds."""
    length = os.fstat(file.fileno()).st_size
    return os.pread(file.fileno(), length, 0).decode(errors="replace")
