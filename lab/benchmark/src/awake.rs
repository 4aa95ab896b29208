//! Keeps processors awake. A function waits for most of its time, and an idle processor goes to sleep; waking it, and getting it up to
//! speed, takes longer than what is measured here. On Lambda other work keeps it awake.

use std::io;
use std::process::{Child, Command, Stdio};

/// Loops that give way to whatever else wants to run, one on each processor, until this value ends.
#[derive(Debug)]
pub(crate) struct Awake(Vec<Child>);

impl Awake {
    /// Starts them: this program with the word [`LOOP`], in the kernel's class for idle work (`SCHED_IDLE`).
    pub(crate) fn keep() -> io::Result<Self> {
        let program = std::env::current_exe()?;
        let processors = std::thread::available_parallelism()?.get();
        let mut loops = Self(Vec::with_capacity(processors));
        for _ in 0..processors {
            let started = Command::new("chrt")
                .args(["--idle", "0"])
                .arg(&program)
                .arg(LOOP)
                .stdin(Stdio::null())
                .spawn()
                .map_err(|error| io::Error::other(format!("chrt of util-linux cannot be started: {error}")))?;
            loops.0.push(started);
        }
        Ok(loops)
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        for one in &mut self.0 {
            // It may have ended by itself.
            let _ = one.kill();
            let _ = one.wait();
        }
    }
}

/// The word that makes this program one of the loops.
pub(crate) const LOOP: &str = "loop";

/// One of them. It ends with whoever started it.
pub(crate) fn stay_awake() {
    let parent = std::os::unix::process::parent_id();
    while std::os::unix::process::parent_id() == parent {
        for _ in 0..1_000_000 {
            std::hint::black_box(());
        }
    }
}
