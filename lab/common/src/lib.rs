//! What the lab's programs share.
//!
//! [`product`] is the one place where limits, names and settings are read from the product. [`build`] compares how the lab is built
//! with how the product is. [`table`] writes Markdown tables, and keeps those of a page up to date.

pub mod build;
pub mod product;
pub mod table;

use std::time::Duration;

/// The CPU time that the calling thread has used: whoever else has the processor in between is not counted.
#[must_use]
pub fn thread_cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    // Never negative, and below a second's worth of nanoseconds.
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}
