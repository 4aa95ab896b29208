//! `import-users TABLE FILE`: imports the users of a file of JSON lines into the table. `./import-users.sh` runs it.

use aws_config::BehaviorVersion;
use aws_smithy_types::retry::RetryConfig;
use aws_types::region::Region;
use import_users::{Progress, Stopped, import, report_path};
use latchkey_dynamodb::DynamoUsers;
use latchkey_runtime::SystemEntropy;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

/// A table that is loaded faster than it grows throttles for minutes; the waits double up to 20 seconds.
const ATTEMPTS: u32 = 12;

/// Why nothing was imported, or not all.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("usage: import-users TABLE FILE, with AWS_REGION set")]
    Usage,
    #[error(transparent)]
    Certificates(#[from] latchkey_aws::EnvironmentError),
    #[error("no event loop: {0}")]
    EventLoop(#[from] std::io::Error),
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match &arguments[..] {
        [table, file] => run(table, Path::new(file)),
        _ => Err(Failed::Usage),
    };
    // Where the streams are closed, the exit status still says it.
    match outcome {
        Ok(said) => {
            let _ = writeln!(std::io::stdout(), "{said}");
            ExitCode::SUCCESS
        }
        Err(failed) => {
            let _ = writeln!(std::io::stderr(), "error: {failed}");
            ExitCode::FAILURE
        }
    }
}

fn run(table: &str, users: &Path) -> Result<String, Failed> {
    let region = std::env::var("AWS_REGION").map_err(|_| Failed::Usage)?;
    let https = latchkey_aws::https(&region)?;
    let event_loop = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let progress = event_loop.block_on(async {
        let aws = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(region))
            .http_client(https)
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .load()
            .await;
        import(&DynamoUsers::new(&aws, table.to_owned(), &SystemEntropy), users).await
    })?;
    let Progress { lines, written, again, refused, .. } = progress;
    let report = if refused > 0 { format!("; see {}", report_path(users).display()) } else { String::new() };
    Ok(format!("{lines} lines: {written} written, {again} there already, {refused} refused{report}"))
}
