//! Time that passes only by sleeping, randomness that is the middle, and a network that does what it is told.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use aws_credential_types::Credentials;
use latchkey_custom_resource::aws::Aws;
use latchkey_custom_resource::protocol::Trust;
use latchkey_custom_resource::surroundings::{Http, HttpError, HttpRequest, HttpResponse, Jitter, Time};
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) const STACK: &str = "arn:aws:cloudformation:eu-west-1:123412341234:stack/name/5b6c";
pub(crate) const REQUEST: &str = "b2f0c4f8-12ab-4f5e-9a49-7f3f4a9d2c11";
pub(crate) const URL: &str =
    "https://cloudformation-custom-resource-response-euwest1.s3.eu-west-1.amazonaws.com/key?Signature=marked";

pub(crate) fn trust() -> Trust {
    Trust::new("arn:aws:lambda:eu-west-1:123412341234:function:provider", None).unwrap()
}

/// A request of CloudFormation for the resource `current`.
pub(crate) fn event(kind: &str) -> Value {
    let mut event = json!({
        "RequestType": kind, "RequestId": REQUEST, "StackId": STACK, "ResponseURL": URL,
        "ResourceType": "Custom::Thing", "LogicalResourceId": "Thing",
        "ResourceProperties": { "ServiceToken": "arn:aws:lambda:eu-west-1:123412341234:function:provider" },
    });
    if kind != "Create" {
        event["PhysicalResourceId"] = json!("current");
    }
    if kind == "Update" {
        event["OldResourceProperties"] = json!({});
    }
    event
}

pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[derive(Default)]
pub(crate) struct World {
    pub(crate) now: Cell<Duration>,
    /// The bounds of the waits that were drawn.
    pub(crate) drawn: RefCell<Vec<Duration>>,
    /// What was sent.
    pub(crate) sent: RefCell<Vec<HttpRequest>>,
    /// The statuses of the next responses; after them, all is well.
    pub(crate) statuses: RefCell<Vec<u16>>,
    /// What services were asked.
    pub(crate) asked: RefCell<Vec<HttpRequest>>,
    /// The next responses of services.
    pub(crate) scripted: RefCell<Vec<HttpResponse>>,
    /// The objects in S3, by path.
    pub(crate) objects: RefCell<BTreeMap<String, Vec<u8>>>,
}

impl World {
    /// The bodies that were sent.
    pub(crate) fn answers(&self) -> Vec<Value> {
        self.sent.borrow().iter().map(|request| serde_json::from_slice(&request.body).unwrap()).collect()
    }
}

impl Time for World {
    fn now(&self) -> Duration {
        self.now.get()
    }

    async fn sleep(&self, duration: Duration) {
        // Whatever else can go on goes first.
        tokio::task::yield_now().await;
        self.now.set(self.now.get() + duration);
    }
}

impl Jitter for World {
    fn draw(&self, below: Duration) -> Duration {
        self.drawn.borrow_mut().push(below);
        below / 2
    }
}

impl Http for World {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let is_answer = request.url.starts_with("https://cloudformation-custom-resource-response-");
        if !is_answer {
            let response = self.serve(request);
            return match response.status {
                0 => Err(HttpError::Timeout),
                1 => Err(HttpError::Broken),
                _ => Ok(response),
            };
        }
        self.sent.borrow_mut().push(request);
        let mut statuses = self.statuses.borrow_mut();
        let status = if statuses.is_empty() { 200 } else { statuses.remove(0) };
        Ok(HttpResponse { status, headers: Vec::new(), body: Vec::new() })
    }
}

/// A response of a service.
pub(crate) fn response(status: u16, body: &str) -> HttpResponse {
    HttpResponse { status, headers: Vec::new(), body: body.as_bytes().to_vec() }
}

/// Stands for none at all.
pub(crate) fn no_response() -> HttpResponse {
    response(0, "")
}

/// Stands for a connection that breaks before the response.
pub(crate) fn broken() -> HttpResponse {
    response(1, "")
}

impl World {
    /// S3 by its objects, and every other service by what was scripted.
    fn serve(&self, request: HttpRequest) -> HttpResponse {
        assert!(request.headers.iter().any(|(name, value)| name == "authorization" && value.contains("AKIDEXAMPLE")));
        let path = request.url.split_once(".amazonaws.com").unwrap().1.to_owned();
        let is_s3 = request.url.starts_with("https://s3.");
        let method = request.method;
        let body = request.body.clone();
        self.asked.borrow_mut().push(request);
        if !is_s3 || !self.scripted.borrow().is_empty() {
            return self.scripted.borrow_mut().remove(0);
        }
        let mut objects = self.objects.borrow_mut();
        match method {
            "PUT" => {
                objects.insert(path, body);
                HttpResponse { headers: vec![("etag".to_owned(), "\"tag\"".to_owned())], ..response(200, "") }
            }
            "DELETE" => {
                objects.remove(&path);
                response(204, "")
            }
            _ => match objects.get(&path) {
                Some(body) => HttpResponse { body: body.clone(), ..response(200, "") },
                None => response(404, "<Error><Code>NoSuchKey</Code><Message>none</Message></Error>"),
            },
        }
    }

    /// AWS in this world.
    pub(crate) fn aws(&self) -> Aws<&Self> {
        Aws {
            surroundings: self,
            credentials: Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"),
            region: "eu-west-1".to_owned(),
            endpoint: None,
        }
    }
}

impl Time for &World {
    fn now(&self) -> Duration {
        self.now.get()
    }

    async fn sleep(&self, duration: Duration) {
        Time::sleep(*self, duration).await;
    }
}

impl Jitter for &World {
    fn draw(&self, below: Duration) -> Duration {
        Jitter::draw(*self, below)
    }
}

impl Http for &World {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        Http::send(*self, request).await
    }
}
