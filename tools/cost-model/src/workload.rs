//! `workload.json`: what one call of each operation uses when it succeeds, and what had to be assumed.
//!
//! Writes and reads are those of `shared/auth/src/operations` through `shared/dynamodb`: every item is under 1 KB, so a
//! write is one unit, and so is a strongly consistent read.

use serde::Deserialize;

/// What is used, and how many times a month.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Workload {
    /// Logins, or sign-ups, a month: the columns of the tables.
    pub volumes: [f64; 3],
    /// What no measurement of ours says.
    pub assumptions: Assumptions,
    /// What a call of each uses.
    pub operations: Operations,
}

/// A number with the reason for it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assumed {
    /// The number.
    pub value: f64,
    /// What it is, and why it is that.
    pub why: String,
}

/// What no measurement of ours says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Assumptions {
    /// Logins of an active user in a month.
    pub logins_per_user: Assumed,
    /// Megabytes of memory that bring a whole virtual CPU.
    pub full_cpu_mb: Assumed,
    /// Milliseconds of a request to the table.
    pub table_ms: Assumed,
    /// Milliseconds of a request to Cognito Identity.
    pub identity_ms: Assumed,
    /// Milliseconds of handing over a mail.
    pub mail_ms: Assumed,
    /// Milliseconds that a new environment adds to its first call.
    pub cold_start_ms: Assumed,
    /// Minutes for which an idle environment is kept.
    pub idle_minutes: Assumed,
    /// Share of calls that need a new environment although calls are frequent.
    pub burst_cold_share: Assumed,
    /// Bytes of log that a function writes for a call.
    pub own_log_bytes: Assumed,
    /// Bytes of log that Lambda writes for a call.
    pub platform_log_bytes: Assumed,
    /// Share of the log's bytes that is left when it is compressed.
    pub stored_log_share: Assumed,
    /// Days for which logs are kept.
    pub log_retention_days: Assumed,
    /// Bytes of the table for each user.
    pub stored_bytes_per_user: Assumed,
    /// Minutes for which DynamoDB keeps the table's key for a caller.
    pub key_cache_minutes: Assumed,
    /// Share of page loads that ask the bucket for nothing.
    pub fresh_share: Assumed,
    /// Bytes of an answer that sends nothing anew.
    pub not_modified_bytes: Assumed,
    /// Metrics of our own.
    pub custom_metrics: Assumed,
}

impl Assumptions {
    /// All of them, with their names in the file.
    #[must_use]
    pub const fn all(&self) -> [(&'static str, &Assumed); 17] {
        [
            ("loginsPerUser", &self.logins_per_user),
            ("fullCpuMb", &self.full_cpu_mb),
            ("tableMs", &self.table_ms),
            ("identityMs", &self.identity_ms),
            ("mailMs", &self.mail_ms),
            ("coldStartMs", &self.cold_start_ms),
            ("idleMinutes", &self.idle_minutes),
            ("burstColdShare", &self.burst_cold_share),
            ("ownLogBytes", &self.own_log_bytes),
            ("platformLogBytes", &self.platform_log_bytes),
            ("storedLogShare", &self.stored_log_share),
            ("logRetentionDays", &self.log_retention_days),
            ("storedBytesPerUser", &self.stored_bytes_per_user),
            ("keyCacheMinutes", &self.key_cache_minutes),
            ("freshShare", &self.fresh_share),
            ("notModifiedBytes", &self.not_modified_bytes),
            ("customMetrics", &self.custom_metrics),
        ]
    }
}

/// The six operations.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Operations {
    /// A sign-up.
    pub create_user: Operation,
    /// A click on the link of its mail.
    pub verify_user: Operation,
    /// A login.
    pub login: Operation,
    /// A change of password.
    pub change_password: Operation,
    /// A lost password.
    pub lost_password: Operation,
    /// A new password by the link of that mail.
    pub reset_password: Operation,
}

impl Operations {
    /// All of them, with their names in the contract.
    #[must_use]
    pub const fn all(&self) -> [(&'static str, &Operation); 6] {
        [
            ("createUser", &self.create_user),
            ("verifyUser", &self.verify_user),
            ("login", &self.login),
            ("changePassword", &self.change_password),
            ("lostPassword", &self.lost_password),
            ("resetPassword", &self.reset_password),
        ]
    }
}

/// What a successful call uses.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Operation {
    /// `MemorySize` in `template.yaml`.
    pub memory_mb: f64,
    /// A warm call in `docs/performance.md`: a whole CPU, and services that answer at once.
    pub compute_ms: f64,
    /// What it waits for, one after the other. What goes on beside a hash or beside a longer wait is left out.
    pub waits: Vec<Wait>,
    /// Write request units.
    pub table_writes: f64,
    /// Read request units.
    pub table_reads: f64,
    /// Mails.
    pub mails: f64,
    /// Bytes of the answer with its headers.
    pub answer_bytes: f64,
    /// The page that it is called from.
    pub page: Page,
}

/// A service that a call waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Wait {
    /// DynamoDB.
    Table,
    /// Cognito Identity.
    Identity,
    /// SES.
    Mail,
}

/// One load of a page of `web/`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Page {
    /// Its file.
    pub file: String,
    /// Itself and what it loads, each a request.
    pub requests: f64,
    /// Bytes of all these, with headers.
    pub bytes: f64,
    /// Share of loads by a browser that has copies, and only asks whether they are still good.
    pub seen_before_share: f64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::io::Write;
    use std::path::Path;

    fn workload() -> Workload {
        serde_json::from_str(include_str!("../workload.json")).unwrap()
    }

    fn near(value: f64, other: f64) -> bool {
        (value - other).abs() <= 0.2 * value.max(other)
    }

    #[test]
    fn every_assumption_is_listed_and_has_a_reason() {
        let file: serde_json::Value = serde_json::from_str(include_str!("../workload.json")).unwrap();
        let names: BTreeSet<_> = file["assumptions"].as_object().unwrap().keys().cloned().collect();
        let workload = workload();
        assert_eq!(names, workload.assumptions.all().iter().map(|(name, _)| (*name).to_owned()).collect());
        assert!(workload.assumptions.all().iter().all(|(_, assumed)| !assumed.why.is_empty()));
    }

    #[test]
    fn the_functions_have_the_memory_that_the_template_gives_them() {
        let template = include_str!("../../../template.yaml");
        for (name, operation) in workload().operations.all() {
            let name = format!("{}{}", name[..1].to_uppercase(), &name[1..]);
            let (_, function) =
                template.split_once(&format!("FunctionName: !Sub \"${{FunctionPrefix}}{name}\"")).unwrap();
            let (_, memory) = function.split_once("MemorySize: ").unwrap();
            assert_eq!(memory.lines().next().unwrap().parse(), Ok(operation.memory_mb), "{name}");
        }
    }

    #[test]
    fn the_times_are_those_of_the_performance_page_give_or_take_a_fifth() {
        let page = include_str!("../../../docs/performance.md");
        for (name, operation) in workload().operations.all() {
            let row = name.replace("User", "-user").replace("Password", "-password");
            let row = page.lines().find(|line| line.starts_with(&format!("| {row} |"))).unwrap();
            let warm: f64 = row.split('|').nth(5).unwrap().trim().parse().unwrap();
            assert!(near(warm, operation.compute_ms), "{name}: docs/performance.md has {warm} ms");
        }
    }

    /// Bytes of a file as deploy.sh stores it.
    fn sent(file: &[u8]) -> usize {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packed.write_all(file).unwrap();
        packed.finish().unwrap().len()
    }

    #[test]
    fn the_pages_are_those_of_the_web_folder_give_or_take_a_fifth() {
        let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web");
        for (name, operation) in workload().operations.all() {
            let page = std::fs::read_to_string(web.join(&operation.page.file)).unwrap();
            // A page is sent with the parts that its markers name.
            let markers = page.split("<!-- part: ").skip(1).filter_map(|rest| rest.split_once(" -->"));
            let parts = markers.map(|(name, _)| web.join(format!("parts/{name}.html")));
            let html: String = parts.map(|part| std::fs::read_to_string(part).unwrap()).chain([page.clone()]).collect();
            let loaded: BTreeSet<_> = html
                .split(['"', ' '])
                .filter(|word| [".js", ".css", ".svg"].iter().any(|end| word.ends_with(end)))
                .collect();
            // The address policy and names like `'self'` have no such ending. config.js is made when it is deployed.
            let size = |file: &&str| std::fs::read(web.join(file)).map_or(250, |file| sent(&file));
            let bytes = u32::try_from(sent(html.as_bytes()) + loaded.iter().map(size).sum::<usize>()).unwrap();
            let requests = f64::from(u32::try_from(1 + loaded.len()).unwrap());
            assert!(near(requests, operation.page.requests), "{name}: {requests} requests");
            let bytes = f64::from(bytes) + 400.0 * requests;
            assert!(near(bytes, operation.page.bytes), "{name}: {bytes} bytes");
        }
    }

    #[test]
    fn an_unknown_field_is_refused() {
        assert!(serde_json::from_str::<Assumed>(r#"{ "value": 1, "why": "w", "who": "me" }"#).is_err());
    }
}
