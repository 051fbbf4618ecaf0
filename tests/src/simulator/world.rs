//! Two sides, what is between them, and time that passes only as far as the next thing that happens.

use std::time::Duration;

use amqp_core::{Connection, Instant};
use bytes::Bytes;

use super::application::{Application, Turn};
use super::chance::Chance;
use super::ledger::{Check, Ledger, check};
use super::plan::{Ending, Plan};
use super::report::{Log, Summary};
use super::wire::Wire;
use crate::oracle::{Fault, Oracle, Side};

const SIDES: [Side; 2] = [Side::Client, Side::Server];
/// More steps than this without coming to rest is a livelock.
const STEPS: usize = 200_000;

/// One side: an engine, its application, and what is on its way to it.
struct Station {
    engine: Connection,
    application: Application,
    inbound: Wire,
    /// When it comes to write what it has to say.
    writes_at: Option<u64>,
    /// When its application does the next thing.
    acts_at: u64,
}

impl Station {
    fn new(engine: Connection) -> Self {
        Self {
            engine,
            application: Application::default(),
            inbound: Wire::default(),
            writes_at: Some(0),
            acts_at: 0,
        }
    }
}

/// A run.
pub(super) struct World {
    now: u64,
    plan: Plan,
    chance: Chance,
    client: Station,
    server: Station,
    oracle: Oracle,
    ledger: Ledger,
    log: Log,
    cut: bool,
    summary: Summary,
}

impl World {
    pub(super) fn new(seed: u64, log: Log) -> Self {
        let mut chance = Chance::new(seed);
        let plan = Plan::new(&mut chance);
        let mut client = Connection::client(plan.connection("client", &mut chance));
        let accepts = chance.percent(50);
        let options = plan.connection("server", &mut chance).accept_connection(accepts);
        let mut server = Connection::server(options);
        client.set_trace(log.observer(Side::Client));
        server.set_trace(log.observer(Side::Server));
        log.note(Side::Client, || format!("{plan:?}"));
        Self {
            now: 0,
            plan,
            chance,
            client: Station::new(client),
            server: Station::new(server),
            oracle: Oracle::new("client", "server"),
            ledger: Ledger::default(),
            log,
            cut: false,
            summary: Summary::default(),
        }
    }

    /// The whole run.
    pub(super) fn play(&mut self) -> Result<Summary, String> {
        for round in 1..=self.plan.rounds {
            self.unrest(self.plan.actions)?;
            let last = round == self.plan.rounds;
            if !last || self.plan.ending == Ending::Close {
                self.rest()?;
            }
        }
        self.ending()?;
        let received = self.ledger.messages().filter(|message| message.arrived.is_some()).count();
        self.summary.received = received as u64;
        self.summary.messages = u64::from(self.ledger.next_number());
        Ok(self.summary)
    }

    /// What both sides did, where it was recorded.
    pub(super) fn log(&self) -> String {
        self.log.text()
    }

    /// Applications do what they like.
    fn unrest(&mut self, actions: u64) -> Check {
        let end = self.summary.actions + actions;
        for side in SIDES {
            let (now, pace) = (self.now, self.chance.below(self.plan.habits.pace + 1));
            self.station(side).acts_at = now + pace;
        }
        while self.summary.actions < end {
            let next = [self.next_move(), Some(self.client.acts_at), Some(self.server.acts_at)];
            let at = next.into_iter().flatten().min().unwrap_or(self.now);
            self.set_time(at);
            for side in SIDES {
                if self.station(side).acts_at <= self.now {
                    self.act(side)?;
                }
            }
            self.moves()?;
        }
        Ok(())
    }

    fn act(&mut self, side: Side) -> Check {
        self.summary.actions += 1;
        self.turn(side, |application, turn| {
            application.listen(turn, false)?;
            application.act(turn)
        })?;
        let pause = self.chance.below(self.plan.habits.pace + 1);
        self.station(side).acts_at = self.now + pause;
        self.touch(side);
        Ok(())
    }

    /// Applications do what is left to do, until nothing moves and nothing may be left.
    fn rest(&mut self) -> Check {
        self.log.note(Side::Client, || "--- rest".to_owned());
        for side in SIDES {
            self.turn(side, Application::begin_rest)?;
        }
        self.come_to_rest()?;
        self.judge(|oracle| oracle.quiet().len())?;
        for side in SIDES {
            self.turn(side, Application::is_at_rest)?;
            self.turn(side, |application, _| {
                application.end_rest();
                Ok(())
            })?;
        }
        Ok(())
    }

    fn come_to_rest(&mut self) -> Check {
        for _ in 0..STEPS {
            for side in SIDES {
                self.turn(side, Application::rest)?;
                self.write(side)?;
            }
            let Some(next) = self.next_arrival() else { return Ok(()) };
            self.set_time(next);
            self.moves()?;
        }
        Err("no rest".to_owned())
    }

    fn ending(&mut self) -> Check {
        self.log.note(Side::Client, || format!("--- {:?}", self.plan.ending));
        match self.plan.ending {
            Ending::Close => {
                let side = self.chance.pick(&SIDES);
                self.close(side)?;
            }
            Ending::CloseInUnrest => {
                let first = self.chance.pick(&SIDES);
                self.close(first)?;
                let actions = self.chance.below(60);
                self.unrest(actions)?;
                if self.chance.percent(50) {
                    self.close(first.other())?;
                }
            }
            Ending::Cut => {
                self.cut = true;
                for side in SIDES {
                    let now = self.now;
                    let mut chance = self.chance.clone();
                    self.station(side).inbound.cut(now, &mut chance);
                    self.chance = chance;
                }
                let actions = self.chance.below(60);
                self.unrest(actions)?;
            }
        }
        self.finish()
    }

    fn close(&mut self, side: Side) -> Check {
        self.touch(side);
        self.turn(side, Application::close_connection)
    }

    /// Everything ends, by itself or at a deadline; then nothing is held any more.
    fn finish(&mut self) -> Check {
        for side in SIDES {
            self.turn(side, Application::begin_rest)?;
        }
        for _ in 0..STEPS {
            self.come_to_rest()?;
            let over = SIDES.map(|side| self.station(side).application.closed) == [true; 2];
            if over {
                break;
            }
            let deadlines = [self.client.engine.poll_timeout(), self.server.engine.poll_timeout()];
            let next = deadlines.into_iter().flatten().min().ok_or("the connection has no end")?;
            self.set_time(self.now.max(milliseconds(next)));
            self.moves()?;
        }
        self.come_to_rest()?;
        match self.plan.ending {
            Ending::Close => self.judge(|oracle| oracle.finish().len())?,
            // Outcomes that were told and not settled yet are no fault then.
            Ending::CloseInUnrest => self.judge(|oracle| oracle.quiet().len())?,
            Ending::Cut => {}
        }
        for side in SIDES {
            let station = self.station(side);
            let (counters, finished) = (station.engine.counters(), station.engine.is_finished());
            let held = [counters.sessions, counters.links, counters.outgoing, counters.incoming];
            let octets = [counters.buffered_input, counters.buffered_output];
            check(held == [0; 4] && octets == [0; 2] && finished, || {
                format!("{side}: finished={finished}, and holds {counters:?}")
            })?;
        }
        self.ledger.is_settled()
    }

    /// What is due now happens: octets arrive, deadlines pass, sides come to write.
    fn moves(&mut self) -> Check {
        for side in SIDES {
            self.arrive(side)?;
            let now = Instant::from_millis(self.now);
            let engine = &mut self.station(side).engine;
            if engine.poll_timeout().is_some_and(|at| at <= now) {
                _ = engine.handle_timeout(now);
                self.touch(side);
            }
            if self.station(side).writes_at.is_some_and(|at| at <= self.now) {
                self.write(side)?;
            }
        }
        Ok(())
    }

    fn next_move(&self) -> Option<u64> {
        let writes = [self.client.writes_at, self.server.writes_at].into_iter().flatten().min();
        let due = [&self.client, &self.server].map(|it| it.engine.poll_timeout().map(milliseconds));
        [self.next_arrival(), writes].into_iter().chain(due).flatten().min().map(|at| at.max(self.now))
    }

    fn next_arrival(&self) -> Option<u64> {
        let stations = [&self.client, &self.server];
        let reading = stations.into_iter().filter(|it| it.engine.wants_read() || it.engine.wants_shutdown());
        reading.filter_map(|it| it.inbound.next()).min().map(|at| at.max(self.now))
    }

    /// Gives `side` what has arrived.
    fn arrive(&mut self, side: Side) -> Check {
        let now = self.now;
        loop {
            let together = self.chance.percent(50);
            let station = self.station(side);
            if !station.engine.wants_read() && !station.engine.wants_shutdown() {
                break;
            }
            let Some(octets) = station.inbound.arrived(now, together) else { break };
            self.give(side, &octets)?;
        }
        let station = self.station(side);
        if station.inbound.ends(now) {
            _ = station.engine.handle_eof(Instant::from_millis(now));
            self.log.note(side, || "  <- end of stream".to_owned());
            self.touch(side);
        }
        Ok(())
    }

    fn give(&mut self, side: Side, octets: &Bytes) -> Check {
        let now = Instant::from_millis(self.now);
        let through_buffer = self.chance.percent(50);
        let station = self.station(side);
        let over = station.engine.wants_shutdown();
        if through_buffer || !station.inbound.rest.is_empty() {
            let mut buffer = std::mem::take(&mut station.inbound.rest);
            buffer.extend_from_slice(octets);
            _ = station.engine.handle_input_buf(&mut buffer, now);
            station.inbound.rest = buffer;
        } else {
            _ = station.engine.handle_input(octets, now);
        }
        self.touch(side);
        if !over {
            self.oracle.delivered(side, octets.len());
        }
        Ok(())
    }

    /// Something changed: `side` comes to write, soon.
    fn touch(&mut self, side: Side) {
        let pause = self.chance.below(self.plan.wire.lazy_writes + 1);
        let at = self.now + pause;
        self.station(side).writes_at.get_or_insert(at);
    }

    /// Puts what `side` has to say on its way.
    fn write(&mut self, side: Side) -> Check {
        let now = self.now;
        self.station(side).writes_at = None;
        while let Some(octets) = self.station(side).engine.poll_output(Instant::from_millis(now)) {
            self.summary.digest(side, now, &octets);
            self.judge(|oracle| oracle.sent(side, &octets).len())?;
            let (plan, mut chance) = (self.plan.wire, self.chance.clone());
            self.station(side.other()).inbound.carry(octets, now, &plan, &mut chance);
            self.chance = chance;
        }
        if self.station(side).engine.is_finished() {
            let plan = self.plan.wire;
            self.station(side.other()).inbound.finish(now, &plan);
        }
        Ok(())
    }

    fn judge(&mut self, of: impl FnOnce(&mut Oracle) -> usize) -> Check {
        let new = of(&mut self.oracle);
        let faults = self.oracle.faults();
        let fault = faults.iter().skip(faults.len() - new).find(|fault| !is_crossing(fault));
        fault.map_or(Ok(()), |fault| Err(fault.to_string()))
    }

    fn set_time(&mut self, now: u64) {
        self.oracle.elapsed(now - self.now);
        self.now = now;
        self.log.at(now);
    }

    fn turn(&mut self, side: Side, act: impl FnOnce(&mut Application, &mut Turn<'_>) -> Check) -> Check {
        let station = if side == Side::Client { &mut self.client } else { &mut self.server };
        let mut turn = Turn {
            side,
            now: self.now,
            engine: &mut station.engine,
            ledger: &mut self.ledger,
            chance: &mut self.chance,
            plan: &self.plan,
            log: &self.log,
            cut: self.cut,
        };
        act(&mut station.application, &mut turn).map_err(|what| format!("{side}: {what}"))
    }

    fn station(&mut self, side: Side) -> &mut Station {
        if side == Side::Client { &mut self.client } else { &mut self.server }
    }
}

/// What was to be said of a delivery when its link failed is said nevertheless: whoever sent the detach cannot tell it
/// from what crossed with that.
fn is_crossing(fault: &Fault) -> bool {
    fault.rule == "TRANSPORT-2.6.4-6" && fault.detail.ends_with("went with the link that failed")
}

fn milliseconds(at: Instant) -> u64 {
    // Rounded up: a deadline that is met has passed.
    let at = at.since_origin() + Duration::from_nanos(999_999);
    u64::try_from(at.as_millis()).unwrap_or(u64::MAX)
}
