//! The crank: a socket on one side, the engine and a program on the other.
//!
//! A thread reads and hands over what it read, the main thread does everything else. So neither side of a connection
//! waits for the other to read, however much both have to write.

use std::env;
use std::fmt::Display;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant as Clock};

use amqp_codec::ProtocolHeader;
use amqp_core::{Connection, Direction, Event, Instant, Trace};

use crate::program::{Problem, Problems, Program, connection_options, session_options};
use crate::settings::Settings;

const READ_SIZE: usize = 64 * 1024;
const READS_AHEAD: usize = 4;
/// How long to wait when neither engine nor program has a deadline.
const LONG: Duration = Duration::from_secs(3600);

/// Connects or listens as the settings say, and runs a program until its one connection is over: what was wrong.
pub(crate) fn run(settings: &Settings, program: &mut dyn Program) -> Result<Problems, Problem> {
    let options = program.options(connection_options(settings));
    let (stream, mut connection) = if settings.listens {
        let listener = TcpListener::bind(&settings.address)?;
        println!("listening on {}", listener.local_addr()?);
        (listener.accept()?.0, Connection::server(options))
    } else {
        (TcpStream::connect(&settings.address)?, Connection::client(options))
    };
    stream.set_nodelay(true)?;
    if !settings.listens {
        let session = connection.begin(session_options(settings))?;
        program.open(&mut connection, session)?;
    }
    if env::var_os("PN_TRACE_FRM").is_some() {
        connection.set_trace(Some(Box::new(Printed)));
    }
    let (filled, input) = sync_channel(READS_AHEAD);
    let reading = stream.try_clone()?;
    thread::spawn(move || read(reading, &filled));
    let mut problems = Problems::new();
    Crank {
        stream,
        input,
        connection,
        program,
        problems: &mut problems,
        began: Clock::now(),
        ended: false,
        over: false,
        timed: false,
    }
    .turn();
    problems.extend(program.check_all());
    Ok(problems)
}

/// Reads until the end, which an empty vector stands for.
fn read(mut stream: TcpStream, filled: &SyncSender<Vec<u8>>) {
    loop {
        let mut octets = vec![0; READ_SIZE];
        let count = stream.read(&mut octets).unwrap_or_default();
        octets.truncate(count);
        if filled.send(octets).is_err() || count == 0 {
            return;
        }
    }
}

struct Crank<'a> {
    stream: TcpStream,
    input: Receiver<Vec<u8>>,
    connection: Connection,
    program: &'a mut dyn Program,
    problems: &'a mut Problems,
    began: Clock,
    /// The peer will send nothing more.
    ended: bool,
    /// The engine has told its last event.
    over: bool,
    /// The program's time has come.
    timed: bool,
}

impl Crank<'_> {
    fn turn(&mut self) {
        loop {
            // First told, then written: a drain is answered by what the program sends before.
            self.tell();
            self.write();
            // That output was taken can be an event itself.
            if self.tell() {
                continue;
            }
            if self.over && self.ended {
                return;
            }
            if let Err(problem) = self.program.on_written(&mut self.connection) {
                self.problems.push(problem.to_string());
            }
            self.write();
            if !self.tell() {
                self.wait();
            }
        }
    }

    /// Tells the program what happened, if anything did.
    fn tell(&mut self) -> bool {
        let mut any = false;
        while let Some(event) = self.connection.poll_event() {
            any = true;
            if let Err(problem) = self.program.on_event(&mut self.connection, event, self.problems) {
                self.problems.push(format!("{event:?}: {problem}"));
            }
            if event == Event::Closed {
                self.problems
                    .extend(self.connection.close_reason().and_then(|reason| self.program.check_end(reason)));
                self.over = true;
            }
        }
        any
    }

    /// Writes what there is. That the peer reads no more shows as the end of input.
    fn write(&mut self) {
        while let Some(octets) = self.connection.poll_output(self.now()) {
            if self.stream.write_all(&octets).is_err() {
                return;
            }
        }
        if self.connection.wants_shutdown() {
            // Fails where the peer has gone, which is all right.
            drop(self.stream.shutdown(Shutdown::Write));
        }
    }

    /// Waits for input or for a deadline. All events are taken and all output is written, so there is room for input.
    fn wait(&mut self) {
        let engine = self.connection.poll_timeout().map(Instant::since_origin);
        let program = self.program.time().filter(|_| !self.timed);
        let next = engine.into_iter().chain(program).min().unwrap_or(LONG);
        let wait = next.saturating_sub(self.began.elapsed());
        if self.ended {
            thread::sleep(wait);
        } else {
            match self.input.recv_timeout(wait) {
                Ok(octets) if !octets.is_empty() => _ = self.connection.handle_input(&octets, self.now()),
                Ok(_) | Err(RecvTimeoutError::Disconnected) => {
                    self.ended = true;
                    _ = self.connection.handle_eof(self.now());
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        _ = self.connection.handle_timeout(self.now());
        if !self.timed && self.program.time().is_some_and(|time| time <= self.began.elapsed()) {
            self.timed = true;
            self.program.on_time(&mut self.connection);
        }
    }

    fn now(&self) -> Instant {
        Instant::new(self.began.elapsed())
    }
}

/// Prints what goes over the wire, as Proton does with the same variable.
struct Printed;

impl Trace for Printed {
    fn header(&mut self, direction: Direction, header: ProtocolHeader) {
        println!("{direction:?} {header:?}");
    }

    fn sasl(&mut self, direction: Direction, frame: &dyn Display) {
        println!("{direction:?} {frame}");
    }

    fn frame(&mut self, direction: Direction, channel: u16, performative: &dyn Display, payload: usize) {
        println!("{direction:?} {channel} {performative} ({payload})");
    }
}
