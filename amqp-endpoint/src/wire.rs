//! Who does the reading and the writing, and when they are told that there is something to do.

use std::task::Waker;

use amqp_core::{Connection, Instant};

use crate::after::After;

/// Output of this many octets is written without waiting for more.
const ENOUGH: usize = 16 * 1024;

/// The reading and the writing side of the adapter.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// The reader was told not to read.
    reader_paused: bool,
    /// What the writer was told since it last found nothing to write.
    told: Told,
    /// Somebody is about to wait.
    hurried: bool,
    /// The deadline that the writer knows.
    deadline: Option<Instant>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    #[default]
    Nothing,
    /// There is output, more may follow.
    Soon,
    /// There is much output, or somebody waits for what follows from it.
    Now,
}

impl Wire {
    /// Somebody is about to wait: what is to be written should be written now.
    pub(crate) fn hurry(&mut self) {
        self.hurried = true;
    }

    /// Output is worth a write now, rather than with what may follow.
    pub(crate) fn is_urgent(&self) -> bool {
        self.told == Told::Now
    }

    /// Tells the reader and the writer what there is for them.
    pub(crate) fn tell(&mut self, engine: &Connection, wants_write: bool, over: bool, after: &mut After) {
        let hurried = std::mem::take(&mut self.hurried);
        if (over || (self.reader_paused && engine.wants_read()))
            && let Some(waker) = self.reader.take()
        {
            // Not before somebody was there to be told.
            self.reader_paused = false;
            after.wake(waker);
        }
        if over {
            self.writer.take().into_iter().for_each(|waker| after.wake(waker));
        } else if self.told != Told::Now && wants_write {
            let now = hurried || engine.buffered_output() >= ENOUGH;
            let news = if now { Told::Now } else { Told::Soon };
            if news > self.told {
                self.told = news;
                self.writer.iter().for_each(|waker| after.wake(waker.clone()));
            }
        }
    }

    /// The writer waits until then at the latest.
    pub(crate) fn waits_until(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    /// What arrived may have made the next deadline an earlier one.
    pub(crate) fn check_deadline(&mut self, next: Option<Instant>, after: &mut After) {
        if next.is_some_and(|next| self.deadline.is_none_or(|known| next < known)) {
            self.deadline = next;
            self.writer.iter().for_each(|waker| after.wake(waker.clone()));
        }
    }

    pub(crate) fn pause_reader(&mut self, paused: bool) {
        self.reader_paused = paused;
    }

    /// The writer has taken all there was.
    pub(crate) fn written(&mut self) {
        self.told = Told::Nothing;
    }

    pub(crate) fn set_reader(&mut self, waker: Waker, after: &mut After) {
        self.reader.replace(waker).into_iter().for_each(|waker| after.retire(waker));
    }

    pub(crate) fn set_writer(&mut self, waker: Waker, stuck: bool, after: &mut After) {
        if !stuck {
            // Whoever registers has not been told.
            self.told = Told::Nothing;
        }
        self.writer.replace(waker).into_iter().for_each(|waker| after.retire(waker));
    }
}
