//! What idle connections and links hold of the heap.

use std::fmt;

use amqp_core::codec::SenderSettleMode;

use crate::Outcome;
use crate::pair::Pair;

/// Credit of the idle links.
const PREFETCH: u32 = 1000;

/// Octets held, on average.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    /// How many connections were measured.
    pub connections: u32,
    /// How many links on each of them.
    pub links: u32,
    /// A client's connection with one session, the size of `Connection` included.
    pub client: f64,
    /// A server's.
    pub server: f64,
    /// What each link adds at its sender.
    pub sender: f64,
    /// What each link adds at its receiver.
    pub receiver: f64,
}

/// Connects `connections` pairs, and then attaches `links` links on each.
///
/// # Errors
/// Where the engine refuses what it should not: more links than `Limits::links`, for example.
pub fn run(connections: u32, links: u32) -> Outcome<Report> {
    let mut pairs = (0..connections).map(|_| Pair::new()).collect::<Outcome<Vec<_>>>()?;
    let [client, server] = held(&pairs, connections);
    for pair in &mut pairs {
        for _ in 0..links {
            pair.attach(SenderSettleMode::Mixed, PREFETCH)?;
        }
    }
    let [with_senders, with_receivers] = held(&pairs, connections);
    let links_each = f64::from(links.max(1));
    Ok(Report {
        connections,
        links,
        client,
        server,
        sender: (with_senders - client) / links_each,
        receiver: (with_receivers - server) / links_each,
    })
}

/// What a connection holds on average: a sender's, a receiver's.
fn held(pairs: &[Pair], connections: u32) -> [f64; 2] {
    let held: [i64; 2] = [
        pairs.iter().map(|pair| pair.sender.heap.held).sum(),
        pairs.iter().map(|pair| pair.receiver.heap.held).sum(),
    ];
    held.map(|octets| octets as f64 / f64::from(connections.max(1)))
}

impl Report {
    /// The report as one line of JSON.
    pub fn json(&self) -> String {
        format!(
            "{{\"bench\":\"memory\",\"connections\":{},\"links\":{},\"client_bytes\":{:.0},\"server_bytes\":{:.0},\
             \"sender_bytes\":{:.0},\"receiver_bytes\":{:.0}}}",
            self.connections, self.links, self.client, self.server, self.sender, self.receiver
        )
    }
}

/// The report as one line for people.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "an idle connection with a session: client {:.0} B, server {:.0} B; \
             an idle link: sender {:.0} B, receiver {:.0} B",
            self.client, self.server, self.sender, self.receiver
        )
    }
}
