//! A share of a core, as Lambda gives it: a control group of the kernel with a quota of processor time.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// Microseconds of a period. Lambda's was found to be this long; what a quota leaves of one is waited for.
const PERIOD: u32 = 20_000;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A group that ends with this value.
#[derive(Debug)]
pub(crate) struct Share {
    group: PathBuf,
    version: Version,
}

/// Of the kernel's control groups.
#[derive(Clone, Copy, Debug)]
enum Version {
    One,
    Two,
}

impl Share {
    /// A group that gets all it asks for. Needs root and control groups of version 1 or 2 with the processor's controller.
    pub(crate) fn unlimited() -> io::Result<Self> {
        let name = format!("latchkey-bench-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let one = Path::new("/sys/fs/cgroup/cpu");
        let (parent, version) = if one.join("cpu.cfs_quota_us").exists() || one.join("cpu.shares").exists() {
            (one, Version::One)
        } else {
            (Path::new("/sys/fs/cgroup"), Version::Two)
        };
        let group = Self { group: parent.join(name), version };
        std::fs::create_dir(&group.group).map_err(|error| {
            io::Error::other(format!("no control group can be made in {}: {error}; run as root", parent.display()))
        })?;
        Ok(group)
    }

    /// From now on it gets this share of one core: a half of it, or one and a half.
    pub(crate) fn limit(&self, share: f64) -> io::Result<()> {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few periods")]
        let quota = (f64::from(PERIOD) * share).round() as u32;
        let settings = match self.version {
            Version::One => vec![("cpu.cfs_period_us", PERIOD.to_string()), ("cpu.cfs_quota_us", quota.to_string())],
            Version::Two => vec![("cpu.max", format!("{quota} {PERIOD}"))],
        };
        for (setting, value) in settings {
            std::fs::write(self.group.join(setting), value)
                .map_err(|error| io::Error::other(format!("the control group knows no {setting}: {error}")))?;
        }
        Ok(())
    }

    /// A command that becomes this program, in the group from its first instruction: to move a process takes the kernel
    /// milliseconds.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", "echo $$ >\"$0\" && exec \"$1\""]).arg(self.processes()).arg(program);
        shell
    }

    /// The file that a process writes its number into to belong to it.
    fn processes(&self) -> PathBuf {
        self.group.join("cgroup.procs")
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        // A group with processes cannot be removed: they go back to where they came from.
        let processes = std::fs::read_to_string(self.processes()).unwrap_or_default();
        for process in processes.lines() {
            let _ = std::fs::write(self.group.with_file_name("cgroup.procs"), process);
        }
        let _ = std::fs::remove_dir(&self.group);
    }
}
