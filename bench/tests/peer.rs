//! The two processes, on every adapter: all messages arrive and the figures are printed.

use std::error::Error;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, ChildStdout, Command, Stdio};

use amqp_bench::Outcome;

const COUNT: f64 = 2_000.0;
const ADAPTERS: [&str; 2] = ["--adapter tokio", "--adapter threads"];

/// A process that ends with the test.
struct Process {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Process {
    fn start(arguments: &str) -> Outcome<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_amqp-bench"));
        let mut child = command.args(arguments.split_whitespace()).stdout(Stdio::piped()).spawn()?;
        let output = BufReader::new(child.stdout.take().ok_or("no output")?);
        Ok(Self { child, output })
    }

    /// Starts one that says `word` when it is ready.
    fn ready(arguments: &str, word: &str) -> Outcome<Self> {
        let mut process = Self::start(arguments)?;
        let mut line = String::new();
        process.output.read_line(&mut line)?;
        if line.trim() == word { Ok(process) } else { Err(format!("{arguments}: {line}").into()) }
    }

    /// Starts one that listens, and says where: somebody else may take a free port before it does.
    fn listening(role: &str, arguments: &str) -> Outcome<(Self, u16)> {
        let attempt = || {
            let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
            Ok((Self::ready(&format!("{role} {port} {arguments}"), "listening")?, port))
        };
        attempt().or_else(|_: Box<dyn Error + Send + Sync>| attempt()).or_else(|_| attempt())
    }

    /// What it printed, once it has ended well.
    fn finish(mut self) -> Outcome<String> {
        let mut printed = String::new();
        self.output.read_to_string(&mut printed)?;
        assert!(self.child.wait()?.success(), "{printed}");
        Ok(printed)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// A number in a line of JSON.
fn field(line: &str, name: &str) -> Outcome<f64> {
    let (_, rest) = line.split_once(&format!("\"{name}\":")).ok_or_else(|| format!("no {name} in {line}"))?;
    Ok(rest.split([',', '}']).next().unwrap_or_default().parse()?)
}

fn exchange(receiver: &str, sender: &str) -> Outcome<()> {
    let (receiving, port) = Process::listening("receiver", &format!("{COUNT} {receiver}"))?;
    let sent = Process::start(&format!("sender {port} {COUNT} 100 {sender}"))?.finish()?;
    let received = receiving.finish()?;
    assert_eq!(field(&received, "body_bytes")?, 100.0 * COUNT);
    for line in [&sent, &received] {
        assert_eq!(field(line, "count")?, COUNT);
        let (seconds, rate) = (field(line, "secs")?, field(line, "msgs_per_s")?);
        assert!(seconds > 0.0 && (rate * seconds - COUNT).abs() < COUNT / 100.0, "{line}");
        assert!(field(line, "user")? >= 0.0 && field(line, "sys")? >= 0.0, "{line}");
        assert!(field(line, "rss_kb")? > 0.0, "{line}");
    }
    Ok(())
}

#[test]
fn messages_arrive_on_every_adapter() -> Outcome<()> {
    for adapter in ["--adapter tokio", "--adapter tokio --multi-thread", "--adapter threads"] {
        exchange(adapter, &format!("unsettled 1000 {adapter}"))?;
        exchange(adapter, &format!("settled 1000 {adapter}"))?;
    }
    Ok(())
}

#[test]
fn messages_arrive_in_batches_from_several_connections_and_one_at_a_time() -> Outcome<()> {
    for adapter in ADAPTERS {
        exchange(&format!("--batch 100 {adapter}"), &format!("unsettled 10 4 {adapter}"))?;
        exchange(adapter, &format!("unsettled 1 {adapter}"))?;
    }
    Ok(())
}

#[test]
fn pongs_come_back() -> Outcome<()> {
    for adapter in ADAPTERS {
        let (ponger, port) = Process::listening("ponger", &format!("100 {adapter}"))?;
        let spread = Process::start(&format!("pinger {port} 100 50 {adapter}"))?.finish()?;
        assert_eq!(field(&spread, "count")?, 100.0);
        let (half, most, all) =
            (field(&spread, "p50_us")?, field(&spread, "p99_us")?, field(&spread, "max_us")?);
        assert!(0.0 < half && half <= most && most <= all, "{spread}");
        assert_eq!(field(&ponger.finish()?, "body_bytes")?, 5_000.0);
    }
    Ok(())
}

#[test]
fn idle_connections_are_held() -> Outcome<()> {
    for adapter in ADAPTERS {
        let (_receiver, port) = Process::listening("receiver", &format!("0 {adapter}"))?;
        let mut idle = Process::ready(&format!("idle {port} 3 2 {adapter}"), "ready")?;
        // Others are served meanwhile, and it is still there afterwards.
        Process::start(&format!("sender {port} {COUNT} 100 unsettled 10 {adapter}"))?.finish()?;
        assert!(idle.child.try_wait()?.is_none());
    }
    Ok(())
}
