//! `./init.sh` and `./deploy.sh` run it, with `AWS_REGION` set:
//!
//! - `user-table look TABLE`: a line for each finding; changes nothing
//! - `user-table move TABLE`: moves the keys that can be moved, and prints the same lines
//! - `user-table remaining TABLE KIND,…`: how many accounts have a password hash of these kinds

use aws_config::BehaviorVersion;
use aws_smithy_types::retry::RetryConfig;
use aws_types::region::Region;
use latchkey_auth::Fault;
use latchkey_dynamodb::DynamoUsers;
use latchkey_runtime::SystemEntropy;
use latchkey_salting::{FormerHash, UnknownHash};
use std::io::Write;
use std::process::ExitCode;
use user_table::{look, move_keys, remaining};

/// A table that is read faster than it is provisioned for throttles; the waits double up to 20 seconds.
const ATTEMPTS: u32 = 12;

/// Why it stopped.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("usage: user-table look|move TABLE, or user-table remaining TABLE KIND,..., with AWS_REGION set")]
    Usage,
    #[error(transparent)]
    Kind(#[from] UnknownHash),
    #[error(transparent)]
    Certificates(#[from] latchkey_aws::EnvironmentError),
    #[error("no event loop: {0}")]
    EventLoop(#[from] std::io::Error),
    #[error("{0}; run it again")]
    Table(#[from] Fault),
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // Where the streams are closed, the exit status still says it.
    match run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(found) => {
            let _ = write!(std::io::stdout(), "{found}");
            ExitCode::SUCCESS
        }
        Err(failed) => {
            let _ = writeln!(std::io::stderr(), "error: {failed}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<String, Failed> {
    let region = std::env::var("AWS_REGION").map_err(|_| Failed::Usage)?;
    let https = latchkey_aws::https(&region)?;
    let event_loop = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    event_loop.block_on(async {
        let aws = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(region))
            .http_client(https)
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .load()
            .await;
        let users = |table: &str| DynamoUsers::new(&aws, table.to_owned(), &SystemEntropy);
        match arguments {
            ["look", table] => Ok(look(&users(table)).await?.to_string()),
            ["move", table] => Ok(move_keys(&users(table)).await?.to_string()),
            ["remaining", table, kinds] => {
                let kinds = kinds.split(',').map(str::parse::<FormerHash>).collect::<Result<Vec<_>, _>>()?;
                Ok(format!("{}\n", remaining(&users(table), &kinds).await?))
            }
            _ => Err(Failed::Usage),
        }
    })
}
