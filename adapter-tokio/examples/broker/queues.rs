//! The queues of the broker: made when a link asks for one, gone when nothing is left of it.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use amqp_endpoint::codec::{Error as Condition, ErrorCondition};

use super::queue::Queue;

/// What the addresses of temporary queues begin with.
const TEMPORARY: &str = "temporary/";

/// All queues by their address.
pub(crate) struct Queues {
    limit: u32,
    known: Mutex<Known>,
}

/// Each with the number of its links.
type Known = HashMap<String, (Arc<Queue>, Links)>;

/// How many links a queue has.
type Links = usize;

/// A link of a queue, which keeps it.
pub(crate) struct Link {
    queues: Arc<Queues>,
    queue: Arc<Queue>,
    /// The queue goes with the link.
    temporary: bool,
}

impl Queues {
    /// No queues; each will hold at most `limit` messages.
    pub(crate) fn new(limit: u32) -> Arc<Self> {
        Arc::new(Self { limit, known: Mutex::default() })
    }

    /// A link of the queue `address`.
    pub(crate) fn link(self: &Arc<Self>, address: &str) -> Result<Link, Condition> {
        let mut known = self.lock();
        if address.starts_with(TEMPORARY) && !known.contains_key(address) {
            return Err(Condition::new(ErrorCondition::NOT_FOUND, "the temporary queue is gone"));
        }
        Ok(self.link_to(&mut known, address.to_owned(), false))
    }

    /// A link with a queue of its own, called by a name that no other has.
    pub(crate) fn temporary(self: &Arc<Self>, name: &str) -> Link {
        self.link_to(&mut self.lock(), format!("{TEMPORARY}{name}"), true)
    }

    fn link_to(self: &Arc<Self>, known: &mut Known, address: String, temporary: bool) -> Link {
        let (queue, links) =
            known.entry(address.clone()).or_insert_with(|| (Arc::new(Queue::new(address, self.limit)), 0));
        *links = links.saturating_add(1);
        Link { queues: Arc::clone(self), queue: Arc::clone(queue), temporary }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deref for Link {
    type Target = Queue;

    fn deref(&self) -> &Queue {
        &self.queue
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let mut known = self.queues.lock();
        let Some((queue, links)) = known.get_mut(&self.address) else { return };
        *links = links.saturating_sub(1);
        if self.temporary {
            queue.delete();
        }
        if self.temporary || (*links == 0 && queue.is_empty()) {
            known.remove(&self.queue.address);
        }
    }
}
