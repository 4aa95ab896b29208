//! The entry as a Lambda function, with the real time, randomness and network.

use crate::aws::Aws;
use crate::entry::{self, Record, Respond};
use crate::framework::{self, Entry, ParameterStore, Provider, Step, StepFunctions, Times, Waiter};
use crate::protocol::Trust;
use crate::surroundings::{Http, HttpError, HttpRequest, HttpResponse, Jitter, RESPONSE_LIMIT, Time};
use aws_credential_types::Credentials;
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use rand::{TryRng, rngs::SysRng};
use serde::Serialize;
use serde_json::{Value, json, value::RawValue};
use std::io::Write;
use std::panic::PanicHookInfo;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The machine's clock and randomness, and HTTPS to AWS.
#[derive(Clone, Debug)]
pub struct Machine {
    connector: SharedHttpConnector,
}

impl Machine {
    /// Trusts the certificate authorities of a region's endpoints.
    pub fn new(region: &str) -> Result<Self, latchkey_aws::EnvironmentError> {
        Ok(Self { connector: latchkey_aws::connector(region)? })
    }
}

impl Time for Machine {
    #[allow(clippy::disallowed_methods, reason = "this is where time comes in")]
    fn now(&self) -> Duration {
        // A clock before 1970 leaves no time, so the answer goes out at once.
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::MAX)
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

impl Jitter for Machine {
    fn draw(&self, below: Duration) -> Duration {
        let mut bytes = [0; 4];
        // Without randomness, the longest wait.
        let _ = SysRng.try_fill_bytes(&mut bytes).map_err(|_| bytes = [u8::MAX; 4]);
        below.mul_f64(f64::from(u32::from_le_bytes(bytes)) / (f64::from(u32::MAX) + 1.0))
    }
}

impl Http for Machine {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let mut prepared = orchestrator::HttpRequest::new(SdkBody::from(request.body));
        prepared.set_method(request.method).map_err(|_| HttpError::Request)?;
        prepared.set_uri(request.url).map_err(|_| HttpError::Request)?;
        for (name, value) in request.headers {
            prepared.headers_mut().try_append(name, value).map_err(|_| HttpError::Request)?;
        }
        // Lambda freezes the process between events, and a connection that is kept can be dead when it goes on. Requests are few.
        prepared.headers_mut().insert("connection", "close");
        let response = self.connector.call(prepared).await.map_err(|error| failure(&error))?;
        let status = response.status().as_u16();
        let headers =
            response.headers().iter().map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        let mut stream = ByteStream::new(response.into_body());
        let mut body = Vec::new();
        while let Some(part) = stream.next().await {
            body.extend_from_slice(&part.map_err(|_| HttpError::Broken)?);
            if body.len() > RESPONSE_LIMIT {
                return Err(HttpError::Response);
            }
        }
        Ok(HttpResponse { status, headers, body })
    }
}

fn failure(error: &ConnectorError) -> HttpError {
    if error.is_timeout() {
        HttpError::Timeout
    } else if error.is_user() {
        HttpError::Request
    } else if latchkey_aws::never_connected(error) {
        HttpError::Connection
    } else if error.is_io() {
        HttpError::Broken
    } else {
        HttpError::Response
    }
}

/// The settings of a function, by name.
pub type Settings<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The setting that names the origin of a local cloud, whose response URLs are accepted instead of CloudFormation's.
pub const TEST_ENDPOINT: &str = "RESPONSE_TEST_ENDPOINT";

/// Where an invocation comes from, and when its time ends.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// What events must agree with.
    pub trust: Trust,
    /// The end of the function's time, since 1970.
    pub deadline: Duration,
}

/// A function: takes an event, and returns its result with lines for the log.
#[allow(async_fn_in_trait, reason = "Lambda runs one call at a time on one thread: no future needs Send")]
pub trait Function {
    /// Handles one event. An error is returned to the caller as the function's, with a type and a text.
    async fn call(&self, event: &str, invocation: &Invocation) -> (Result<Value, (String, String)>, Option<Record>);
}

/// A service token: a function that CloudFormation calls.
#[derive(Clone, Debug)]
pub struct ServiceToken<R> {
    /// The network.
    pub machine: Machine,
    /// The handler.
    pub handler: R,
}

impl<R: Respond> Function for ServiceToken<R> {
    async fn call(&self, event: &str, invocation: &Invocation) -> (Result<Value, (String, String)>, Option<Record>) {
        let record = entry::handle(&self.machine, &self.handler, event, &invocation.trust, invocation.deadline).await;
        // Failing makes Lambda deliver the event again, so there is another chance to answer.
        let result = if record.is_unanswered() {
            Err(("Unanswered".to_owned(), "CloudFormation could not be told.".to_owned()))
        } else {
            Ok(json!({}))
        };
        (result, Some(record))
    }
}

/// Serves a handler as a service token until Lambda ends the process. `start` gets the network and the settings; if it fails,
/// each request is answered with its error.
#[must_use]
pub fn serve<R: Respond, E: std::fmt::Display>(start: impl FnOnce(&Machine, Settings<'_>) -> Result<R, E>) -> ExitCode {
    serve_function(|machine, settings| {
        let handler = start(machine, settings).map_err(|error| error.to_string());
        ServiceToken { machine: machine.clone(), handler }
    })
}

/// Serves a provider until Lambda ends the process: as the step of the framework that the settings name. If `start` or the
/// settings fail, each event is answered with the error.
#[must_use]
pub fn serve_provider<P: Provider, E: std::fmt::Display>(
    start: impl FnOnce(&Machine, Settings<'_>) -> Result<P, E>,
) -> ExitCode {
    serve_function(|machine, settings| {
        let provider = start(machine, settings).map_err(|error| error.to_string());
        let aws = Aws::from_settings(machine, settings);
        let prefix = settings("URL_PREFIX").unwrap_or_else(|| "/custom-resource/".to_owned());
        let urls = ParameterStore { aws: aws.clone(), prefix, key: settings("URL_KEY") };
        let machine = machine.clone();
        match (settings("STEP").as_deref(), waiter(settings)) {
            (Some("isComplete"), _) => ProviderStep::IsComplete { machine, provider, urls },
            (Some("onTimeout"), _) => ProviderStep::OnTimeout { machine, urls },
            (None | Some("onEvent"), Ok(arn)) => {
                let waiter = arn.map(|arn| Waiter { urls, executions: StepFunctions { aws, arn } });
                ProviderStep::OnEvent(ServiceToken { machine, handler: Entry { provider, waiter } })
            }
            (None | Some("onEvent"), Err(why)) => {
                ProviderStep::OnEvent(ServiceToken { machine, handler: Entry { provider: Err(why), waiter: None } })
            }
            (Some(_), _) => {
                let provider = Err("STEP should be onEvent, isComplete or onTimeout".to_owned());
                ProviderStep::OnEvent(ServiceToken { machine, handler: Entry { provider, waiter: None } })
            }
        }
    })
}

/// The waiter's state machine, if there is one. Its times, and its logging, make sense only with it.
fn waiter(settings: Settings<'_>) -> Result<Option<String>, String> {
    const TIMES: [&str; 2] = ["QUERY_INTERVAL", "QUERY_ATTEMPTS"];
    let Some(arn) = settings("WAITER_ARN") else {
        return match [TIMES[0], TIMES[1], "WAITER_LOGGING"].into_iter().find(|key| settings(key).is_some()) {
            Some(key) => Err(format!("{key} is set although there is no isComplete")),
            None => Ok(None),
        };
    };
    if let [Some(interval), Some(attempts)] = TIMES.map(settings) {
        let [Ok(interval), Ok(attempts)] = [interval, attempts].map(|text| text.parse()) else {
            return Err("QUERY_INTERVAL and QUERY_ATTEMPTS should be whole numbers".to_owned());
        };
        Times::of_attempts(interval, attempts).map_err(|error| error.to_string())?;
    }
    Ok(Some(arn))
}

type FirstStep<P> = Entry<Result<P, String>, ParameterStore<Machine>, StepFunctions<Machine>>;

/// A step of the framework.
enum ProviderStep<P> {
    OnEvent(ServiceToken<FirstStep<P>>),
    IsComplete { machine: Machine, provider: Result<P, String>, urls: ParameterStore<Machine> },
    OnTimeout { machine: Machine, urls: ParameterStore<Machine> },
}

impl<P: Provider> Function for ProviderStep<P> {
    async fn call(&self, event: &str, invocation: &Invocation) -> (Result<Value, (String, String)>, Option<Record>) {
        let Invocation { trust, deadline } = invocation;
        let step = match self {
            Self::OnEvent(token) => return token.call(event, invocation).await,
            Self::IsComplete { machine, provider, urls } => {
                framework::is_complete(machine, provider, urls, event, trust, *deadline).await
            }
            Self::OnTimeout { machine, urls } => framework::on_timeout(machine, urls, event, trust, *deadline).await,
        };
        let failed = |error_type: &str, message: &str| Err((error_type.to_owned(), message.to_owned()));
        match step {
            Step::Done(record) => (Ok(json!({})), Some(record)),
            Step::NotYet => (failed("NotYet", "The resource is not complete yet."), None),
            Step::Unanswered(record) => (failed("Unanswered", "CloudFormation could not be told."), Some(record)),
        }
    }
}

impl Aws<Machine> {
    /// AWS with the role, and in the region, of this function.
    #[must_use]
    pub fn from_settings(machine: &Machine, settings: Settings<'_>) -> Self {
        let text = |key| settings(key).unwrap_or_default();
        Self {
            surroundings: machine.clone(),
            credentials: Credentials::new(
                text("AWS_ACCESS_KEY_ID"),
                text("AWS_SECRET_ACCESS_KEY"),
                settings("AWS_SESSION_TOKEN"),
                None,
                "Lambda",
            ),
            region: text("AWS_REGION"),
            endpoint: settings("AWS_ENDPOINT_URL").map(|origin| origin.trim_end_matches('/').to_owned()),
        }
    }
}

/// Serves any function until Lambda ends the process.
#[must_use]
pub fn serve_function<F: Function>(start: impl FnOnce(&Machine, Settings<'_>) -> F) -> ExitCode {
    std::panic::set_hook(Box::new(log_place));
    match run(start) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            write(&json!({ "level": "FATAL", "outcome": "not started", "message": message }));
            ExitCode::FAILURE
        }
    }
}

fn run<F: Function>(start: impl FnOnce(&Machine, Settings<'_>) -> F) -> Result<(), String> {
    let settings = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let no_runtime = "the Lambda runtime could not be started";
    let event_loop =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|_| no_runtime.to_owned())?;
    event_loop.block_on(async {
        let region = settings("AWS_REGION").ok_or("AWS_REGION is missing: this program is started by AWS Lambda")?;
        let machine = Machine::new(&region).map_err(|error| error.to_string())?;
        let function = start(&machine, &settings);
        let (function, endpoint, is_quiet) = (
            &function,
            settings(TEST_ENDPOINT),
            settings("LOG_LEVEL").is_some_and(|level| level.eq_ignore_ascii_case("fatal")),
        );
        let endpoint = endpoint.as_deref();
        lambda_runtime::run(service_fn(move |event: LambdaEvent<Box<RawValue>>| {
            call(function, endpoint, is_quiet, event)
        }))
        .await
        .map_err(|_| no_runtime.to_owned())
    })
}

async fn call<F: Function>(
    function: &F,
    test_endpoint: Option<&str>,
    is_quiet: bool,
    event: LambdaEvent<Box<RawValue>>,
) -> Result<Value, Diagnostic> {
    let LambdaEvent { payload, context, .. } = event;
    let failed = |(error_type, error_message)| Diagnostic { error_type, error_message };
    let trust = Trust::new(&context.invoked_function_arn, test_endpoint).map_err(|error| {
        write(&json!({ "level": "ERROR", "outcome": "unanswered", "cause": error.to_string() }));
        failed(("Untrusted".to_owned(), error.to_string()))
    })?;
    let invocation = Invocation { trust, deadline: Duration::from_millis(context.deadline) };
    let (result, record) = function.call(payload.get(), &invocation).await;
    if let Some(record) = record.filter(|record| !is_quiet || record.is_unanswered()) {
        write(&record);
    }
    result.map_err(failed)
}

/// Logs where a panic occurred. Its message is dropped: it may quote what was being worked on.
fn log_place(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(|at| format!("{}:{}", at.file(), at.line()));
    write(&json!({ "level": "ERROR", "outcome": "panic", "place": place }));
}

/// Writes a line to standard output, which is the function's log stream. If that fails, the line is lost.
fn write(line: &impl Serialize) {
    if let Ok(mut json) = serde_json::to_vec(line) {
        json.push(b'\n');
        let _ = std::io::stdout().write_all(&json);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiter_of(set: &[(&str, &str)]) -> Result<Option<String>, String> {
        waiter(&|key| set.iter().find(|(name, _)| *name == key).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn times_and_logging_of_a_waiter_are_refused_without_is_complete() {
        assert_eq!(waiter_of(&[]), Ok(None));
        for key in ["QUERY_INTERVAL", "QUERY_ATTEMPTS", "WAITER_LOGGING"] {
            assert!(waiter_of(&[(key, "5")]).unwrap_err().contains(key));
        }
        let set = [("WAITER_ARN", "arn"), ("QUERY_INTERVAL", "5"), ("QUERY_ATTEMPTS", "60")];
        assert_eq!(waiter_of(&set), Ok(Some("arn".to_owned())));
        for attempts in ["0", "721", "many"] {
            assert!(waiter_of(&[set[0], set[1], ("QUERY_ATTEMPTS", attempts)]).is_err(), "{attempts}");
        }
    }

    /// What a request comes to at a server that reads this many bytes of it, writes this, and closes the connection. Closing with
    /// unread bytes resets it.
    fn sent_to(reads: usize, writes: &'static [u8]) -> (Result<u16, HttpError>, String) {
        use std::io::Read;
        let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", server.local_addr().unwrap());
        let answers = std::thread::spawn(move || {
            let (mut connection, _) = server.accept().unwrap();
            connection.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            let mut request = vec![0; reads];
            let length = connection.read(&mut request).unwrap();
            connection.write_all(writes).unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        let request = HttpRequest { method: "POST", url, headers: Vec::new(), body: b"a body".to_vec() };
        let machine = Machine::new("eu-west-1").unwrap();
        let event_loop = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let outcome = event_loop.block_on(machine.send(request)).map(|response| response.status);
        (outcome, answers.join().unwrap())
    }

    #[test]
    fn only_a_request_that_no_server_can_have_received_is_told_as_without_a_connection() {
        let (whole, request) = sent_to(4_096, b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        assert_eq!(whole, Ok(200));
        assert!(request.contains("connection: close\r\n"), "{request}");
        assert_eq!(sent_to(1, b"").0, Err(HttpError::Broken));
        assert_eq!(sent_to(4_096, b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{").0, Err(HttpError::Broken));
        assert_eq!(sent_to(4_096, b"").0, Err(HttpError::Broken));

        let url = format!("http://{}/", std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
        let nobody = HttpRequest { method: "GET", url, headers: Vec::new(), body: Vec::new() };
        let machine = Machine::new("eu-west-1").unwrap();
        let event_loop = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        assert_eq!(
            event_loop.block_on(machine.send(nobody)).map(|response| response.status),
            Err(HttpError::Connection)
        );
    }

    #[test]
    fn waits_are_drawn_below_their_bound() {
        let machine = Machine::new("eu-west-1").unwrap();
        for bound in [Duration::from_secs(1), Duration::from_secs(16)] {
            let drawn: Vec<_> = (0..50).map(|_| machine.draw(bound)).collect();
            assert!(drawn.iter().all(|wait| *wait < bound) && drawn.iter().any(|wait| *wait != drawn[0]));
        }
    }
}
