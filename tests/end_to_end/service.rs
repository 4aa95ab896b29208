//! The running service: its addresses, its callers and its mails.

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_cognitoidentity as cognito;
use aws_sdk_dynamodb::{self as dynamodb, types::AttributeValue};
use aws_sdk_lambda::{self as lambda, primitives::Blob, types::LogType};
use aws_sdk_ses as ses;
use aws_smithy_async::{rt::sleep::SharedAsyncSleep, rt::sleep::TokioSleep, time::SystemTimeSource};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::{orchestrator::HttpRequest, result::ConnectorError};
use aws_smithy_types::{error::metadata::ProvideErrorMetadata, retry::RetryConfig};
use aws_types::{SdkConfig, region::Region};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use futures_util::{StreamExt, stream};
use latchkey_auth::Email;
use latchkey_auth::throttle::Quota;
use latchkey_dynamodb::{DynamoOutbox, DynamoUsers};
use latchkey_keys::{Key, KeyRing};
use latchkey_runtime::SystemEntropy;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The longest that one call may take: a function may run 15 seconds, and many may wait for two cores.
const CALL_LIMIT: Duration = Duration::from_mins(1);

/// An item of the user table.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// The repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is in the repository").to_owned()
}

/// Where builds and results are kept.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Whether the functions are built as they are deployed on AWS, and not for this machine.
pub(crate) fn is_as_deployed() -> bool {
    std::env::var("LATCHKEY_BUILD").is_ok_and(|build| build == "lambda")
}

/// Where the binary of a function is that the local cloud runs.
pub(crate) fn binary(function: &str) -> PathBuf {
    if is_as_deployed() {
        harness::functions::binary(&target(), function)
    } else {
        target().join("debug").join(function)
    }
}

/// What `local.sh` started.
pub(crate) struct Service {
    settings: HashMap<String, String>,
    /// Where `local.sh` keeps what it made.
    pub(crate) folder: PathBuf,
}

impl Service {
    pub(crate) fn running() -> Self {
        let file = std::env::var_os("LATCHKEY_ENV").map_or_else(|| root().join(".local/env"), PathBuf::from);
        let text = std::fs::read_to_string(&file)
            .unwrap_or_else(|error| panic!("{}: {error}; start the service with ./local.sh --detach", file.display()));
        let settings = text
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.trim_matches('\'').to_owned()))
            .collect();
        Self { settings, folder: file.parent().expect("a file has a folder").to_owned() }
    }

    /// Another stack on the same cloud, by the configuration file that `init.sh` has completed.
    pub(crate) fn of_stack(mut self, config: &Path) -> Self {
        let config: Value = serde_json::from_str(&std::fs::read_to_string(config).unwrap()).unwrap();
        for key in ["FUNCTION_PREFIX", "DDB_TABLE", "IDENTITY_POOL_ID", "SITE_URL"] {
            self.settings.insert(key.to_owned(), config[key].as_str().expect("a text").to_owned());
        }
        self
    }

    pub(crate) fn setting(&self, key: &str) -> &str {
        self.settings.get(key).unwrap_or_else(|| panic!("local.sh wrote no {key}"))
    }

    /// The address of one of the pages.
    pub(crate) fn page(&self, name: &str) -> String {
        self.setting("SITE_URL").replace("index.html", name)
    }

    fn config(&self, credentials: Credentials) -> SdkConfig {
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.setting("AWS_REGION").to_owned()))
            .endpoint_url(self.setting("AWS_ENDPOINT_URL"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .time_source(SystemTimeSource::new())
            .timeout_config(aws_smithy_types::timeout::TimeoutConfig::builder().operation_timeout(CALL_LIMIT).build())
            .retry_config(RetryConfig::disabled())
            .build()
    }

    fn owners_key(&self) -> Credentials {
        Credentials::new(
            self.setting("AWS_ACCESS_KEY_ID"),
            self.setting("AWS_SECRET_ACCESS_KEY"),
            None,
            None,
            "local.sh",
        )
    }

    /// Whoever has these temporary credentials.
    pub(crate) fn with_credentials(&self, id: String, secret: String, session: String) -> Caller {
        self.caller(Credentials::new(id, secret, Some(session), None, "a role"))
    }

    /// The owner of the account, who may do everything.
    pub(crate) fn owner(&self) -> Caller {
        self.caller(self.owners_key())
    }

    /// The running service, and its table as the functions see it.
    pub(crate) fn with_table() -> (Self, DynamoUsers) {
        let service = Self::running();
        let users = service.table_of(&service.config(service.owners_key()));
        (service, users)
    }

    /// The running service, and its table as a function sees it whose connection loses answers: the next one, where the
    /// switch is on.
    pub(crate) fn with_table_that_loses_answers() -> (Self, DynamoUsers, Arc<AtomicBool>) {
        let service = Self::running();
        let lose = Arc::new(AtomicBool::new(false));
        let http = aws_smithy_http_client::Builder::new().build_http();
        let lossy = Arc::clone(&lose);
        let lossy = http_client_fn(move |settings, components| {
            let (through, lose) = (http.http_connector(settings, components), Arc::clone(&lossy));
            SharedHttpConnector::new(Lossy { through, lose })
        });
        let config = service.config(service.owners_key()).into_builder();
        let config = config.http_client(lossy).retry_config(RetryConfig::standard().with_max_attempts(2)).build();
        let users = service.table_of(&config);
        (service, users, lose)
    }

    fn table_of(&self, config: &SdkConfig) -> DynamoUsers {
        DynamoUsers::new(config, self.setting("DDB_TABLE").to_owned(), &SystemEntropy)
    }

    /// The outbox beside a table. What it hands over, nobody can read: its key is not the service's.
    pub(crate) fn outbox_beside(&self, users: &DynamoUsers) -> DynamoOutbox<SystemEntropy> {
        DynamoOutbox::beside(users, self.outbox(), KeyRing::of("test", Key::from([7; 32])), SystemEntropy)
    }

    /// The name of the outbox's table.
    pub(crate) fn outbox(&self) -> String {
        format!("{}Outbox", self.setting("DDB_TABLE"))
    }

    fn caller(&self, credentials: Credentials) -> Caller {
        let config = self.config(credentials);
        Caller {
            prefix: self.setting("FUNCTION_PREFIX").to_owned(),
            table: self.setting("DDB_TABLE").to_owned(),
            lambda: lambda::Client::new(&config),
            dynamodb: dynamodb::Client::new(&config),
            ses: ses::Client::new(&config),
            cognito: cognito::Client::new(&config),
        }
    }

    /// Someone without an account, with the credentials that the pages give to everybody.
    pub(crate) async fn guest(&self) -> Caller {
        self.new_guest().await.unwrap()
    }

    /// As [`Self::guest`], or the code of the refusal.
    pub(crate) async fn new_guest(&self) -> Result<Caller, String> {
        // Unsigned on AWS; the emulator looks at no signature either.
        let cognito = self.owner().cognito;
        let pool = self.setting("IDENTITY_POOL_ID");
        let id = cognito.get_id().identity_pool_id(pool).send().await.map_err(|error| code(&error))?.identity_id;
        let answer = cognito.get_credentials_for_identity().set_identity_id(id).send().await;
        Ok(self.caller(temporary(answer.map_err(|error| code(&error))?.credentials.unwrap())))
    }

    /// Someone with the credentials that a login's token is exchanged for, or the code of the refusal.
    pub(crate) async fn user(&self, identity: &str, token: &str) -> Result<Caller, String> {
        let answer = self
            .owner()
            .cognito
            .get_credentials_for_identity()
            .identity_id(identity)
            .logins("cognito-identity.amazonaws.com", token)
            .send()
            .await;
        match answer {
            Ok(answer) => Ok(self.caller(temporary(answer.credentials.unwrap()))),
            Err(error) => Err(code(&error)),
        }
    }

    /// The item of an address, as it is in the table.
    pub(crate) async fn item(&self, email: &str) -> Option<Item> {
        let owner = self.owner();
        let key = AttributeValue::S(email.to_owned());
        owner.dynamodb.get_item().table_name(owner.table).key("email", key).send().await.unwrap().item
    }

    /// Puts an item into the table, as something other than Latchkey may have.
    pub(crate) async fn put(&self, item: Item) {
        let owner = self.owner();
        owner.dynamodb.put_item().table_name(owner.table).set_item(Some(item)).send().await.unwrap();
    }

    /// The counter of attempts at a secret of an address.
    pub(crate) async fn counter(&self, what: &str, email: &str) -> Option<Item> {
        self.item(&counter_key(what, email)).await
    }

    /// The item of a quota.
    pub(crate) async fn quota(&self, quota: Quota, email: &str) -> Option<Item> {
        let owner = self.owner();
        let key = AttributeValue::S(quota_key(quota, email));
        owner.dynamodb.get_item().table_name(self.outbox()).key("id", key).send().await.unwrap().item
    }

    /// Forgets which mails an address got, as a day would.
    pub(crate) async fn forget_mails(&self, email: &str) {
        let owner = self.owner();
        for quota in [Quota::SignUp, Quota::Reset, Quota::Change, Quota::Notice, Quota::AlreadyRegistered] {
            let key = AttributeValue::S(quota_key(quota, email));
            owner.dynamodb.delete_item().table_name(self.outbox()).key("id", key).send().await.unwrap();
        }
    }

    /// Forgets the attempts at a password, as some hours would.
    pub(crate) async fn forget_attempts(&self, email: &str) {
        let owner = self.owner();
        let key = AttributeValue::S(counter_key("attempts:password", email));
        owner.dynamodb.delete_item().table_name(owner.table).key("email", key).send().await.unwrap();
    }

    /// The IDs of the requests for mail that wait in the outbox.
    async fn waiting(&self) -> Vec<String> {
        let owner = self.owner();
        let scan = owner.dynamodb.scan().table_name(self.outbox()).consistent_read(true).projection_expression("id");
        let mut pages = scan.into_paginator().items().send();
        let mut waiting = Vec::new();
        while let Some(item) = pages.next().await {
            let id = item.unwrap()["id"].as_s().unwrap().clone();
            if id.starts_with("mail:") {
                waiting.push(id);
            }
        }
        waiting
    }

    /// Waits until the mail function has dealt with every request that is in the outbox now.
    async fn deliveries(&self) {
        let mut waiting = self.waiting().await;
        let began = Instant::now();
        while !waiting.is_empty() {
            assert!(began.elapsed() < CALL_LIMIT, "the mail function leaves {} requests in the outbox", waiting.len());
            tokio::time::sleep(Duration::from_millis(50)).await;
            let still = self.waiting().await;
            waiting.retain(|id| still.contains(id));
        }
    }

    /// The mails to an address, oldest first. What was asked for before is delivered before.
    pub(crate) async fn mails(&self, email: &str) -> Vec<Mail> {
        self.deliveries().await;
        let body = reqwest::get(self.setting("MAILS_URL")).await.unwrap().text().await.unwrap();
        let list: Value = serde_json::from_str(&body).unwrap();
        let all = list["messages"].as_object().unwrap().values().flat_map(|mails| mails.as_array().unwrap());
        all.filter(|mail| mail["To"].as_array().unwrap().iter().any(|to| to == email)).map(Mail::read).collect()
    }

    /// The newest mail to an address.
    pub(crate) async fn last_mail(&self, email: &str) -> Mail {
        self.mails(email).await.pop().expect("a mail was sent")
    }
}

fn quota_key(quota: Quota, email: &str) -> String {
    counter_key(&format!("quota:{}", quota.as_str()), &quota.subject(&Email::parse(email).unwrap()))
}

fn counter_key(what: &str, email: &str) -> String {
    format!("{what}:{}", BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(email)))
}

fn temporary(credentials: cognito::types::Credentials) -> Credentials {
    Credentials::new(
        credentials.access_key_id.unwrap(),
        credentials.secret_key.unwrap(),
        credentials.session_token,
        None,
        "Cognito",
    )
}

/// The code of a call that the service did not answer.
pub(crate) const UNREACHED: &str = "unreached";

/// The code of what a service refused.
pub(crate) fn code<E, R>(error: &aws_smithy_runtime_api::client::result::SdkError<E, R>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    match error.as_service_error() {
        Some(error) => error.code().unwrap_or("no code").to_owned(),
        None => format!("{UNREACHED}: {error}"),
    }
}

/// A way on which an answer is lost, when its request has been carried out.
#[derive(Debug)]
struct Lossy {
    through: SharedHttpConnector,
    lose: Arc<AtomicBool>,
}

impl HttpConnector for Lossy {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (answer, lose) = (self.through.call(request), Arc::clone(&self.lose));
        HttpConnectorFuture::new(async move {
            let answer = answer.await?;
            if lose.swap(false, Ordering::SeqCst) { Err(ConnectorError::io("lost".into())) } else { Ok(answer) }
        })
    }
}

/// Someone with credentials.
pub(crate) struct Caller {
    prefix: String,
    pub(crate) table: String,
    pub(crate) lambda: lambda::Client,
    pub(crate) dynamodb: dynamodb::Client,
    pub(crate) ses: ses::Client,
    pub(crate) cognito: cognito::Client,
}

impl Caller {
    /// The same caller of another installation's functions.
    pub(crate) fn with_prefix(self, prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), ..self }
    }

    /// What a function answers; a refusal of IAM or a fault fails the test.
    pub(crate) async fn call(&self, operation: &str, payload: &Value) -> Value {
        let answer = self.invoke(operation, Some("live"), payload.to_string()).await.unwrap();
        assert_eq!(answer.error, None, "{operation} failed: {}\n{}", answer.payload, answer.log);
        answer.payload
    }

    /// What a function answers to any payload, with the log it wrote, or the code of the refusal.
    pub(crate) async fn invoke(
        &self,
        operation: &str,
        qualifier: Option<&str>,
        payload: String,
    ) -> Result<Answer, String> {
        let output = self
            .lambda
            .invoke()
            .function_name(format!("{}{}{}", self.prefix, operation[..1].to_uppercase(), &operation[1..]))
            .set_qualifier(qualifier.map(str::to_owned))
            .log_type(LogType::Tail)
            .payload(Blob::new(payload))
            .send()
            .await
            .map_err(|error| code(&error))?;
        let log = BASE64_STANDARD.decode(output.log_result.unwrap_or_default()).unwrap();
        Ok(Answer {
            payload: serde_json::from_slice(output.payload.unwrap().as_ref()).unwrap(),
            error: output.function_error,
            log: String::from_utf8(log).unwrap(),
        })
    }
}

/// How many calls of functions are under way at once. Each of them runs in a process of its own, and a start takes the
/// processor from the calls to AWS of those beside it: two hundred starts on two cores leave some of those calls longer
/// than a function waits.
const SIDE_BY_SIDE: usize = 16;

/// What all calls answer, as they come. So many of them as two cores bear race each other at any time.
pub(crate) async fn side_by_side<A>(calls: impl IntoIterator<Item = impl Future<Output = A>>) -> Vec<A> {
    stream::iter(calls).buffer_unordered(SIDE_BY_SIDE).collect().await
}

/// What came back from a function.
pub(crate) struct Answer {
    pub(crate) payload: Value,
    pub(crate) error: Option<String>,
    pub(crate) log: String,
}

/// A mail as it was sent.
pub(crate) struct Mail {
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
}

impl Mail {
    fn read(mail: &Value) -> Self {
        let text = |key: &str| mail[key].as_str().unwrap_or_default().to_owned();
        Self { subject: text("Subject"), text: text("BodyText"), html: text("BodyHtml") }
    }

    /// The link in the text, which is in the HTML part too.
    pub(crate) fn link(&self) -> String {
        let link = self.text.split_whitespace().find(|word| word.starts_with("http")).expect("the mail has a link");
        assert!(self.html.contains(&link.replace('&', "&amp;")), "the HTML part has the same link");
        link.to_owned()
    }

    /// Whether its link says something under a name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.text.contains(&format!("&{name}="))
    }

    /// What the link says under a name, decoded.
    pub(crate) fn parameter(&self, name: &str) -> String {
        let url = reqwest::Url::parse(&self.link()).unwrap();
        let found = url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        found.unwrap_or_else(|| panic!("the link has no {name}"))
    }
}
