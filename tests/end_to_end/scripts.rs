//! The scripts and the AWS CLI, as an owner runs them.

use crate::service::{Service, root};
use std::time::Duration;
use tokio::process::Command;

/// The longest that a script may take where the functions are built.
const SCRIPT_LIMIT: Duration = Duration::from_mins(5);

/// What a script printed, or the line that it failed with.
pub(crate) async fn run(service: &Service, script: &str, arguments: &[&str]) -> Result<String, String> {
    let tools = root().join(".local/venv/bin");
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new(script);
    command.current_dir(root()).args(arguments).env("PATH", path).env_remove("LD_LIBRARY_PATH").kill_on_drop(true);
    for (key, _) in std::env::vars().filter(|(key, _)| key.starts_with("CARGO_PKG") || key.starts_with("CARGO_MAN")) {
        command.env_remove(key);
    }
    command.env_remove("LATCHKEY_STARTED");
    for key in ["AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "LATCHKEY_BUILD"] {
        command.env(key, service.setting(key));
    }
    command.env("AWS_DEFAULT_REGION", service.setting("AWS_REGION"));
    let output = tokio::time::timeout(SCRIPT_LIMIT, command.output()).await.expect("a script ends").unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let complaint = String::from_utf8(output.stderr).unwrap();
    match output.status.code() {
        Some(0) => Ok(printed),
        // 1 from the scripts; the AWS CLI has codes of its own.
        Some(1) if script.starts_with('.') => Err(complaint),
        Some(_) if script == "aws" => Err(complaint),
        status => panic!("{script} ended with {status:?}: {printed}{complaint}"),
    }
}
