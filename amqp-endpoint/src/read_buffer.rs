//! Read buffers: lent by the thread while octets arrive, so that an idle connection owns none.

use std::cell::RefCell;

use bytes::BytesMut;

/// Octets that one read can bring.
const READ: usize = 64 * 1024;

thread_local! {
    static LENT: RefCell<BytesMut> = RefCell::new(BytesMut::new());
}

/// The reading buffer of one connection.
#[derive(Debug, Default)]
pub struct ReadBuffer {
    /// The beginning of a frame whose rest has not arrived.
    rest: BytesMut,
}

impl ReadBuffer {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lends a buffer with room for a read; what is left in it is there again the next time.
    pub fn lend<R>(&mut self, read: impl FnOnce(&mut BytesMut) -> R) -> R {
        if !self.rest.is_empty() {
            return self.use_rest(read);
        }
        let lent = LENT.try_with(|lent| lent.try_borrow_mut().map(|mut lent| std::mem::take(&mut *lent)));
        let mut buffer = lent.ok().and_then(Result::ok).unwrap_or_default();
        if buffer.capacity() < READ / 2 {
            buffer.reserve(READ);
        }
        let result = read(&mut buffer);
        if !buffer.is_empty() {
            // The rest of a frame goes on arriving behind its beginning.
            self.rest = buffer.split();
            self.rest.reserve(READ);
        }
        // The thread may be ending.
        _ = LENT.try_with(|lent| lent.try_borrow_mut().map(|mut lent| *lent = buffer));
        result
    }

    fn use_rest<R>(&mut self, read: impl FnOnce(&mut BytesMut) -> R) -> R {
        self.rest.reserve(READ / 2);
        let result = read(&mut self.rest);
        if self.rest.is_empty() {
            self.rest = BytesMut::new();
        }
        result
    }
}
