//! DynamoDB, SES and Cognito Identity, as far as the functions see them: one HTTP server that takes the time it is told
//! to, counts what it is asked, and can fail in every way that a service fails.

use crate::network::{Network, Server};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, server::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The name of the outbox's table.
pub(crate) const OUTBOX: &str = "UsersOutbox";

/// What a function asks of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// DynamoDB: the account.
    GetItem,
    /// DynamoDB: a counter of attempts.
    Count,
    /// DynamoDB: a new account, or a change of one.
    UpdateItem,
    /// DynamoDB: a quota or a budget of mail.
    Quota,
    /// DynamoDB: a request for mail, handed over.
    HandOver,
    /// DynamoDB: a request for mail or a quota, looked at.
    Look,
    /// DynamoDB: a request for mail that was dealt with.
    Remove,
    /// SES.
    SendEmail,
    /// Cognito Identity.
    GetToken,
    /// The service of breached passwords.
    Range,
}

impl Call {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::GetItem,
        Self::Count,
        Self::UpdateItem,
        Self::Quota,
        Self::HandOver,
        Self::Look,
        Self::Remove,
        Self::SendEmail,
        Self::GetToken,
        Self::Range,
    ];

    fn of(target: &str, body: &Value) -> Option<Self> {
        // A counter's key is no address.
        let counter = body["Key"]["email"]["S"].as_str().is_some_and(|key| !key.contains('@'));
        let outbox = body["TableName"] == OUTBOX;
        Some(match target.rsplit('.').next()? {
            "GetItem" if outbox => Self::Look,
            "PutItem" if outbox => Self::HandOver,
            "UpdateItem" if outbox => Self::Quota,
            "DeleteItem" if outbox => Self::Remove,
            // Anything else may miss the write of a moment ago.
            "GetItem" if body["ConsistentRead"] == true => Self::GetItem,
            "UpdateItem" if counter => Self::Count,
            "UpdateItem" => Self::UpdateItem,
            "GetOpenIdTokenForDeveloperIdentity" => Self::GetToken,
            "" => Self::SendEmail,
            _ => return None,
        })
    }
}

/// How a call goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// 400 with a throttling code.
    Throttled,
    /// 500.
    Broken,
    /// The connection is closed without an answer.
    Closed,
    /// No answer at all.
    Hanging,
    /// 200 with what is no answer.
    Garbage,
}

/// What the services do from now on.
#[derive(Clone, Debug, Default)]
pub struct Behaviour {
    /// How long each call takes.
    pub delays: HashMap<Call, Duration>,
    /// Which call fails, and how.
    pub failure: Option<(Call, Failure)>,
    /// The account that the table holds, as DynamoDB writes an item.
    pub item: Option<Value>,
    /// Whether conditions on accounts hold.
    pub conditions_hold: bool,
    /// What a counter of attempts held before a write, as DynamoDB writes an item.
    pub counter: Option<Value>,
    /// The SHA-1, in upper case, of the only password that was published.
    pub published: Option<String>,
    /// Whether the answer about published passwords has more bytes than anybody should read.
    pub flood: bool,
}

#[derive(Debug, Default)]
struct State {
    behaviour: Behaviour,
    counts: HashMap<Call, usize>,
    connections: usize,
    /// From a call's arrival to its answer's leaving.
    taken: Vec<(Instant, Instant)>,
    opened: watch::Sender<usize>,
}

/// The services.
pub struct Backends {
    state: Arc<Mutex<State>>,
    network: Arc<Server>,
    server: JoinHandle<()>,
    /// Where they are.
    pub endpoint: String,
}

impl Backends {
    /// Starts them on a free port of the loopback interface, reached over plain HTTP and at once.
    pub async fn start() -> io::Result<Self> {
        Self::behind(Network::default()).await
    }

    /// Starts them on a free port of the loopback interface, behind this network.
    pub async fn behind(network: Network) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let endpoint =
            if network.tls { format!("https://localhost:{port}") } else { format!("http://127.0.0.1:{port}") };
        let network = Arc::new(Server::new(network, port)?);
        let state = Arc::new(Mutex::new(State::default()));
        let (shared, way) = (Arc::clone(&state), Arc::clone(&network));
        let server = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let (state, network) = (Arc::clone(&shared), Arc::clone(&way));
                tokio::spawn(async move {
                    // A connection that is closed on purpose, or whose client believes nobody, ends here.
                    let Ok(connection) = network.accept(connection).await else { return };
                    let is_new = AtomicBool::new(true);
                    let service = service_fn(|request| answer(&state, &is_new, request));
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(connection), service).await;
                });
            }
        });
        Ok(Self { state, network, server, endpoint })
    }

    /// The file with the certificate of the authority that signed theirs, where they are reached over TLS.
    #[must_use]
    pub fn authority(&self) -> Option<&Path> {
        self.network.authority.as_deref()
    }

    /// Waits until a function has asked for `/` so many times, to open connections ahead of any call.
    pub async fn opened(&self, count: usize) {
        let mut opened = lock(&self.state).opened.subscribe();
        // The sender lives as long as the services.
        let _ = opened.wait_for(|opened| *opened >= count).await;
    }

    /// Sets what they do from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        lock(&self.state).behaviour = behaviour;
    }

    /// What they were asked since the last look, and how many of these calls came over a connection that nothing had come
    /// over before.
    #[must_use]
    pub fn counts(&self) -> (HashMap<Call, usize>, usize) {
        let mut state = lock(&self.state);
        (std::mem::take(&mut state.counts), std::mem::take(&mut state.connections))
    }

    /// How long there was a call to wait for since the last look: what calls beside each other took counts once.
    #[must_use]
    pub fn waited(&self) -> Duration {
        together(std::mem::take(&mut lock(&self.state).taken))
    }
}

/// The length of the times in which at least one of these was under way.
fn together(mut times: Vec<(Instant, Instant)>) -> Duration {
    times.sort();
    let mut sum = Duration::ZERO;
    let mut until = None;
    for (from, to) in times {
        let from = until.map_or(from, |until| from.max(until));
        sum += to.saturating_duration_since(from);
        until = until.max(Some(to));
    }
    sum
}

impl Drop for Backends {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(
    state: &Mutex<State>,
    is_new: &AtomicBool,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, io::Error> {
    let is_new = is_new.swap(false, Ordering::Relaxed);
    if request.method() == Method::GET && request.uri().path() == "/" {
        // Of two at once the second may find the first one's connection free again.
        lock(state).opened.send_modify(|opened| *opened += 1);
        return Ok(respond(StatusCode::OK, "healthy".to_owned()));
    }
    // Without padding, the size of the answer would tell which range it is.
    let padded = request.headers().get("add-padding").is_some_and(|value| value == "true");
    let range = request.uri().path().strip_prefix("/range/").filter(|_| padded).map(str::to_owned);
    let target = request.headers().get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or("").to_owned();
    let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let call = if range.is_some() { Some(Call::Range) } else { Call::of(&target, &body) };
    let Some(call) = call else {
        return Ok(respond(StatusCode::NOT_IMPLEMENTED, target));
    };
    let behaviour = {
        let mut state = lock(state);
        *state.counts.entry(call).or_default() += 1;
        state.connections += usize::from(is_new);
        state.behaviour.clone()
    };
    let arrived = Instant::now();
    // The timer's grain is a millisecond, also for no time at all.
    if let Some(delay) = behaviour.delays.get(&call) {
        tokio::time::sleep(*delay).await;
    }
    lock(state).taken.push((arrived, Instant::now()));
    match behaviour.failure.filter(|(failing, _)| *failing == call).map(|(_, failure)| failure) {
        Some(Failure::Throttled) => Ok(fails(call, StatusCode::BAD_REQUEST, "ThrottlingException")),
        Some(Failure::Broken) => Ok(fails(call, StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure")),
        Some(Failure::Closed) => Err(io::Error::other("closed")),
        Some(Failure::Hanging) => std::future::pending().await,
        Some(Failure::Garbage) => Ok(respond(StatusCode::OK, "\u{0}<garbage".to_owned())),
        None => Ok(succeeds(call, &behaviour, &range.unwrap_or_default())),
    }
}

fn succeeds(call: Call, behaviour: &Behaviour, prefix: &str) -> Response<Full<Bytes>> {
    let json = |value: Value| respond(StatusCode::OK, value.to_string());
    match call {
        Call::GetItem => json(behaviour.item.as_ref().map_or_else(|| json!({}), |item| json!({ "Item": item }))),
        Call::UpdateItem if !behaviour.conditions_hold => {
            fails(call, StatusCode::BAD_REQUEST, "ConditionalCheckFailedException")
        }
        Call::Count => json(behaviour.counter.as_ref().map_or_else(|| json!({}), |item| json!({ "Attributes": item }))),
        Call::UpdateItem | Call::Quota | Call::HandOver | Call::Remove => json(json!({})),
        // Every request waits.
        Call::Look => json(json!({ "Item": { "id": { "S": "mail:1" } } })),
        Call::GetToken => json(json!({ "IdentityId": "us-east-1:identity", "Token": "a.b.c" })),
        Call::Range => {
            let suffix = behaviour.published.as_deref().and_then(|sha1| sha1.strip_prefix(prefix));
            // With a line of padding, as the real service answers.
            let padding = "011053FD0102E94D6AE2F8B83D76FAF94F6:0";
            let lines = if behaviour.flood { 10_000 } else { 1 };
            let found = suffix.map_or_else(String::new, |suffix| format!("{suffix}:37\r\n"));
            respond(StatusCode::OK, found + &format!("{padding}\r\n").repeat(lines))
        }
        Call::SendEmail => respond(
            StatusCode::OK,
            "<SendEmailResponse xmlns=\"http://ses.amazonaws.com/doc/2010-12-01/\"><SendEmailResult><MessageId>1</MessageId>\
             </SendEmailResult></SendEmailResponse>"
                .to_owned(),
        ),
    }
}

fn fails(call: Call, status: StatusCode, code: &str) -> Response<Full<Bytes>> {
    let body = if call == Call::SendEmail {
        format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>stub</Message></Error></ErrorResponse>"
        )
    } else {
        json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": "stub" }).to_string()
    };
    respond(status, body)
}

fn respond(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_beside_each_other_are_waited_for_once() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let of =
            |times: &[(u64, u64)]| together(times.iter().map(|(from, to)| (at(*from), at(*to))).collect()).as_millis();
        assert_eq!(of(&[]), 0);
        assert_eq!(of(&[(0, 5), (7, 9)]), 7);
        assert_eq!(of(&[(1, 7), (0, 5)]), 7);
        assert_eq!(of(&[(0, 9), (1, 2), (3, 10)]), 10);
    }
}
