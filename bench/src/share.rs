//! A share of a core, as Lambda gives it: a control group of the kernel with a quota of processor time.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Microseconds of a period. Lambda's was found to be this long; what a quota leaves of one is waited for.
const PERIOD: u32 = 20_000;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A group that ends with this value.
#[derive(Debug)]
pub struct Share {
    group: PathBuf,
}

impl Share {
    /// A group that gets this share of one core: a half of it, or one and a half. Needs root and control groups of version 1
    /// or 2 with the processor's controller.
    pub fn of_a_core(share: f64) -> io::Result<Self> {
        let name = format!("latchkey-bench-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few periods")]
        let quota = (f64::from(PERIOD) * share).round() as u32;
        let one = Path::new("/sys/fs/cgroup/cpu");
        let (parent, settings) = if one.join("cpu.cfs_quota_us").exists() || one.join("cpu.shares").exists() {
            (one, vec![("cpu.cfs_period_us", PERIOD.to_string()), ("cpu.cfs_quota_us", quota.to_string())])
        } else {
            (Path::new("/sys/fs/cgroup"), vec![("cpu.max", format!("{quota} {PERIOD}"))])
        };
        let group = Self { group: parent.join(name) };
        std::fs::create_dir(&group.group).map_err(|error| {
            io::Error::other(format!("no control group can be made in {}: {error}; run as root", parent.display()))
        })?;
        for (setting, value) in settings {
            std::fs::write(group.group.join(setting), value)
                .map_err(|error| io::Error::other(format!("the control group knows no {setting}: {error}")))?;
        }
        Ok(group)
    }

    /// Holds a process to it.
    pub fn hold(&self, process: u32) -> io::Result<()> {
        std::fs::write(self.group.join("cgroup.procs"), process.to_string())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        // A group with processes cannot be removed: they go back to where they came from.
        let processes = std::fs::read_to_string(self.group.join("cgroup.procs")).unwrap_or_default();
        for process in processes.lines() {
            let _ = std::fs::write(self.group.with_file_name("cgroup.procs"), process);
        }
        let _ = std::fs::remove_dir(&self.group);
    }
}
