//! The scripts and the AWS CLI, as an owner runs them.

use crate::service::{Service, root};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::Command;

/// The longest that a script may take where the functions are built.
const SCRIPT_LIMIT: Duration = Duration::from_mins(5);

/// Where programs are looked for: ./test.sh puts the tools of the local cloud there, and its own AWS CLI before them.
fn path() -> String {
    let tools = root().join(".local/venv/bin");
    let path = std::env::var("PATH").unwrap();
    let there = std::env::split_paths(&path).any(|folder| folder == tools);
    if there { path } else { format!("{}:{path}", tools.display()) }
}

/// The AWS CLI on that path.
fn aws_cli() -> PathBuf {
    std::env::split_paths(&path()).map(|folder| folder.join("aws")).find(|program| program.exists()).unwrap()
}

/// Stands in front of the AWS CLI and keeps what it is called with.
pub(crate) struct Recorder {
    folder: PathBuf,
}

impl Recorder {
    /// One that keeps its records in this folder, which it makes.
    pub(crate) fn new(folder: PathBuf) -> Self {
        std::fs::create_dir_all(&folder).unwrap();
        let program = folder.join("aws");
        // A file that is named as an argument is recorded with its permissions and its folder's.
        let script = format!(
            r#"#!/usr/bin/env bash
here=${{0%/*}}
ps -A -o args= >>"$here/processes"
for argument in "$@"; do
  printf '%s\n' "$argument" >>"$here/arguments"
  case $argument in
    file://*) printf '%s %s %s\n' "$(stat -c %a "${{argument#file://}}")" "$(dirname "${{argument#file://}}" | xargs stat -c %a)" \
      "${{argument#file://}}" >>"$here/files"
      # Parameters of a stack are not kept: they hold keys.
      [ "$1" = cloudformation ] || cp "${{argument#file://}}" "$here/$2" ;;
  esac
done
exec '{}' "$@"
"#,
            aws_cli().display()
        );
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
        Self { folder }
    }

    /// All arguments of the AWS CLI, and the command lines of all processes whenever it was called.
    pub(crate) fn command_lines(&self) -> String {
        let read = |name: &str| std::fs::read_to_string(self.folder.join(name)).unwrap();
        read("arguments") + &read("processes")
    }

    /// The file that the AWS CLI was given with this command.
    pub(crate) fn given(&self, command: &str) -> String {
        std::fs::read_to_string(self.folder.join(command)).unwrap()
    }

    /// The files that the AWS CLI was given, each with its permissions and those of its folder, in octal digits.
    pub(crate) fn files(&self) -> Vec<(String, String, PathBuf)> {
        let recorded = std::fs::read_to_string(self.folder.join("files")).unwrap();
        let file = |line: &str| {
            let mut fields = line.splitn(3, ' ').map(str::to_owned);
            let mut next = || fields.next().unwrap();
            (next(), next(), PathBuf::from(next()))
        };
        recorded.lines().map(file).collect()
    }
}

/// What a script printed, or the line that it failed with.
pub(crate) async fn run(service: &Service, script: &str, arguments: &[&str]) -> Result<String, String> {
    run_after(service, None, script, arguments).await
}

/// As [`run`], with a record of what the AWS CLI is called with.
pub(crate) async fn run_recorded(
    service: &Service,
    recorder: &Recorder,
    script: &str,
    arguments: &[&str],
) -> Result<String, String> {
    run_after(service, Some(&recorder.folder), script, arguments).await
}

/// As [`run`], with the programs of a folder before all others.
async fn run_after(
    service: &Service,
    first: Option<&Path>,
    script: &str,
    arguments: &[&str],
) -> Result<String, String> {
    let path = first.map_or_else(path, |first| format!("{}:{}", first.display(), path()));
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
        Some(_) if script == "aws" || script == "env" => Err(complaint),
        status => panic!("{script} ended with {status:?}: {printed}{complaint}"),
    }
}
