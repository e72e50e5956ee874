//! The machine's monotonic clock, exact to the timer of the kernel.

use std::time::Duration;

use rustix::event::{PollFd, poll};
use rustix::io::Errno;
use rustix::thread::{ClockId, clock_nanosleep_absolute};
use rustix::time::{Timespec, clock_gettime};

/// Time since some fixed moment, the same for all threads and namespaces.
#[must_use]
pub fn monotonic() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    Duration::new(
        u64::try_from(now.tv_sec).expect("the monotonic clock does not run backwards"),
        u32::try_from(now.tv_nsec).expect("below a second"),
    )
}

/// Sleeps for `length`. For phases of a benchmark, and between two looks at a state that is waited for.
pub fn pause(length: Duration) {
    sleep_until(monotonic() + length);
}

/// Sleeps until `moment` of [`monotonic`].
pub(crate) fn sleep_until(moment: Duration) {
    let wake = timespec(moment);
    while clock_nanosleep_absolute(ClockId::Monotonic, &wake) == Err(Errno::INTR) {}
}

pub(crate) fn timespec(length: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(length.as_secs()).expect("less than the age of the universe"),
        tv_nsec: length.subsec_nanos().into(),
    }
}

/// Returns when one of `descriptors` is ready, a signal came, or after `most`: the caller looks again in any case.
pub(crate) fn wait_ready(descriptors: &mut [PollFd<'_>], most: Duration) {
    poll(descriptors, Some(&timespec(most))).ok();
}
