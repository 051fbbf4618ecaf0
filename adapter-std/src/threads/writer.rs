//! The writing thread.

use std::net::Shutdown;
use std::time::Duration;

use super::output::{Output, Progress};
use super::stream::Stream;

/// How long the peer may take to read the rest, and to close the transport after this side did, so that nothing it was told
/// is lost.
const LINGER: Duration = Duration::from_secs(1);

/// Writes what nobody else does and minds the deadlines, until the connection is over; then closes the stream.
pub(super) fn run<S: Stream>(output: &Output<S>) {
    let Output { driver, alarm, .. } = output;
    while !driver.is_finished() {
        // Also where no deadline has come: how long output waits to be taken counts from when the engine hears the time.
        driver.on_deadline(alarm.now());
        match output.write_on() {
            Progress::Done => {
                output.plan();
                alarm.wait();
            }
            // Each turn takes a while, and deadlines come in between.
            Progress::Stuck => {}
            Progress::Failed => break,
        }
    }
    end(output);
}

fn end<S: Stream>(output: &Output<S>) {
    let Output { driver, alarm, .. } = output;
    let until = alarm.now() + LINGER;
    while !driver.is_cut_off() && alarm.now() < until && output.write_on() == Progress::Stuck {}
    let mut failed = None;
    if !driver.is_cut_off() {
        failed = output.shut(Shutdown::Write);
        alarm.wait_for_reader(until);
    }
    if let Some(error) = failed {
        driver.on_io_error(error);
    }
    // This ends a read that still waits.
    output.shut(Shutdown::Both);
}
