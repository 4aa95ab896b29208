//! Lambda, as far as a function sees it: the Runtime API for one environment, which gets one event at a time.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, server::conn::http1};
use hyper_util::rt::TokioIo;
use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::ops::Sub;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;

/// The id of every call.
pub const REQUEST_ID: &str = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";

/// The longest that a function may take to start or to answer.
const LIMIT: Duration = Duration::from_secs(30);

/// What a function answered.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// From the event's leaving to the answer's arrival.
    pub duration: Duration,
    /// Whether it ended as a function error.
    pub failed: bool,
    /// The answer, or the error.
    pub body: Vec<u8>,
}

struct Event {
    payload: String,
    answer: oneshot::Sender<Outcome>,
}

/// What is under way: when its event left, and who waits for the answer.
type UnderWay = Mutex<Option<(Instant, oneshot::Sender<Outcome>)>>;

struct RuntimeApi {
    events: Mutex<mpsc::Receiver<Event>>,
    under_way: UnderWay,
    ready: Mutex<Option<oneshot::Sender<Instant>>>,
}

impl RuntimeApi {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let path = request.uri().path().to_owned();
        Ok(match (request.method(), path.rsplit('/').next().unwrap_or_default()) {
            (&Method::GET, "next") => self.next().await,
            (&Method::POST, kind @ ("response" | "error")) => {
                let failed = kind == "error";
                let body = request.into_body().collect().await.map(|body| body.to_bytes().to_vec()).unwrap_or_default();
                let arrived = Instant::now();
                if let Some((left, answer)) = self.under_way.lock().await.take() {
                    // Whoever waited may have given up.
                    let _ = answer.send(Outcome { duration: arrived - left, failed, body });
                }
                response(StatusCode::ACCEPTED, Vec::new())
            }
            _ => response(StatusCode::NOT_FOUND, Vec::new()),
        })
    }

    async fn next(&self) -> Response<Full<Bytes>> {
        if let Some(ready) = self.ready.lock().await.take() {
            let _ = ready.send(Instant::now());
        }
        let Some(event) = self.events.lock().await.recv().await else {
            return response(StatusCode::GONE, Vec::new());
        };
        let mut next = response(StatusCode::OK, event.payload.into_bytes());
        for (name, value) in [
            ("lambda-runtime-aws-request-id", REQUEST_ID),
            ("lambda-runtime-deadline-ms", "99999999999999"),
            ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:123412341234:function:measured"),
        ] {
            next.headers_mut().insert(name, hyper::header::HeaderValue::from_static(value));
        }
        *self.under_way.lock().await = Some((Instant::now(), event.answer));
        next
    }
}

fn response(status: StatusCode, body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
}

/// The CPU time of a function's threads.
///
/// A function serves calls on its first thread and hashes passwords on another one, so the two can be told apart
/// without a second measurement.
#[derive(Clone, Copy, Debug, Default)]
pub struct CpuTime {
    /// Of all threads.
    pub all: Duration,
    /// Of all threads but the first.
    pub beside: Duration,
}

impl Sub for CpuTime {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self { all: self.all.saturating_sub(earlier.all), beside: self.beside.saturating_sub(earlier.beside) }
    }
}

/// One environment: a process of a function, from its start to its end.
pub struct Environment {
    process: Child,
    log: Option<Mutex<Lines<BufReader<ChildStdout>>>>,
    events: mpsc::Sender<Event>,
    server: JoinHandle<()>,
    /// From the process's start to its first question for an event.
    pub init: Duration,
}

impl Environment {
    /// Starts a function with these variables and waits until it asks for its first event.
    pub async fn start(function: &Path, variables: &HashMap<String, String>) -> io::Result<Self> {
        Self::spawn(std::process::Command::new(function), variables, Stdio::null()).await
    }

    /// Like [`start`](Self::start), and keeps the log: each line has to be [read](Self::logged).
    pub async fn start_with_log(function: &Path, variables: &HashMap<String, String>) -> io::Result<Self> {
        Self::spawn(std::process::Command::new(function), variables, Stdio::piped()).await
    }

    /// Like [`start`](Self::start), with any command that becomes the function.
    pub async fn spawn(
        command: std::process::Command,
        variables: &HashMap<String, String>,
        log: Stdio,
    ) -> io::Result<Self> {
        let name = format!("{command:?}");
        let mut command = Command::from(command);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let (events, received) = mpsc::channel(1);
        let (ready, first_question) = oneshot::channel();
        let api = Arc::new(RuntimeApi {
            events: Mutex::new(received),
            under_way: Mutex::new(None),
            ready: Mutex::new(Some(ready)),
        });
        let server = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let api = Arc::clone(&api);
                let _ = connection.set_nodelay(true);
                tokio::spawn(async move {
                    let service = service_fn(|request| api.answer(request));
                    // A connection that breaks ends with its function.
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(connection), service).await;
                });
            }
        });
        let started = Instant::now();
        let mut process = command
            .env_clear()
            .envs(variables)
            .env("AWS_LAMBDA_RUNTIME_API", address)
            .env("AWS_LAMBDA_FUNCTION_NAME", "measured")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1769")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "group")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "stream")
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let asked = tokio::time::timeout(LIMIT, first_question).await;
        let Ok(Ok(asked)) = asked else {
            return Err(io::Error::other(format!("{name} does not ask for an event")));
        };
        let log = process.stdout.take().map(|log| Mutex::new(BufReader::new(log).lines()));
        Ok(Self { process, log, events, server, init: asked - started })
    }

    /// The next line of its log.
    pub async fn logged(&self) -> io::Result<String> {
        let log = self.log.as_ref().ok_or_else(|| io::Error::other("the log is not kept"))?;
        let line = tokio::time::timeout(LIMIT, async { log.lock().await.next_line().await }).await??;
        line.ok_or_else(|| io::Error::other("the function is gone"))
    }

    /// Sends an event and waits for what the function makes of it.
    pub async fn call(&self, payload: String) -> io::Result<Outcome> {
        let (answer, answered) = oneshot::channel();
        let gone = |_| io::Error::other("the function is gone");
        self.events.send(Event { payload, answer }).await.map_err(gone)?;
        tokio::time::timeout(LIMIT, answered).await?.map_err(|_| io::Error::other("the function is gone"))
    }

    /// The most memory that the process has held, in bytes.
    pub fn peak_memory(&self) -> io::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()?))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).and_then(|text| text.parse::<u64>().ok());
        kib.map(|kib| kib * 1024).ok_or_else(|| io::Error::other("the kernel gives no peak"))
    }

    /// The CPU time that the function has used since its start. The kernel brings a thread's up to date when it stops running.
    pub fn cpu_time(&self) -> io::Result<CpuTime> {
        let process = self.id()?;
        let mut time = CpuTime::default();
        for task in std::fs::read_dir(format!("/proc/{process}/task"))? {
            let task = task?;
            let text = std::fs::read_to_string(task.path().join("schedstat"))?;
            let used = text.split(' ').next().and_then(|text| text.parse().ok()).map(Duration::from_nanos);
            let used = used.ok_or_else(|| io::Error::other("the kernel gives no CPU time"))?;
            time.all += used;
            // Linux gives a process's first thread the number of the process.
            if task.file_name().to_str() != Some(&process.to_string()) {
                time.beside += used;
            }
        }
        Ok(time)
    }

    fn id(&self) -> io::Result<u32> {
        self.process.id().ok_or_else(|| io::Error::other("the function has ended"))
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        self.server.abort();
        // The process is killed as it is dropped.
    }
}
