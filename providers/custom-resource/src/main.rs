//! The providers that are ready to use, as one Lambda function. The setting `PROVIDER` chooses.

use latchkey_custom_resource::aws::{Aws, S3};
use latchkey_custom_resource::entry::Failure;
use latchkey_custom_resource::framework::{Event, Outcome, Pending, Progress, Provider, RemoteProvider};
use latchkey_custom_resource::lambda::{Machine, Settings, serve_provider};
use latchkey_custom_resource::providers::{Allowed, AwsCustomResource, S3Assert, S3File};
use std::process::ExitCode;

enum Chosen {
    Remote(RemoteProvider<Machine>),
    S3File(S3File<Machine>),
    S3Assert(S3Assert<Machine>),
    AwsCustomResource(AwsCustomResource<Machine>),
}

fn choose(machine: &Machine, settings: Settings<'_>) -> Result<Chosen, String> {
    let aws = Aws::from_settings(machine, settings);
    Ok(match settings("PROVIDER").as_deref() {
        Some("remote") => {
            let on_event = settings("ON_EVENT_ARN").ok_or("ON_EVENT_ARN is missing")?;
            Chosen::Remote(RemoteProvider { aws, on_event, is_complete: settings("IS_COMPLETE_ARN") })
        }
        Some("S3File") => Chosen::S3File(S3File(S3(aws))),
        Some("S3Assert") => Chosen::S3Assert(S3Assert(S3(aws))),
        Some("AwsCustomResource") => {
            let list = settings("ALLOWED_ACTIONS").unwrap_or_default();
            let allowed = Allowed::parse(&list).map_err(|error| error.to_string())?;
            Chosen::AwsCustomResource(AwsCustomResource { aws, allowed })
        }
        _ => return Err("PROVIDER should be remote, S3File, S3Assert or AwsCustomResource".to_owned()),
    })
}

impl Provider for Chosen {
    async fn on_event(&self, event: &Event) -> Result<Outcome, Failure> {
        match self {
            Self::Remote(provider) => provider.on_event(event).await,
            Self::S3File(provider) => provider.on_event(event).await,
            Self::S3Assert(provider) => provider.on_event(event).await,
            Self::AwsCustomResource(provider) => provider.on_event(event).await,
        }
    }

    async fn is_complete(&self, pending: &Pending) -> Result<Progress, Failure> {
        match self {
            Self::Remote(provider) => provider.is_complete(pending).await,
            Self::S3File(provider) => provider.is_complete(pending).await,
            Self::S3Assert(provider) => provider.is_complete(pending).await,
            Self::AwsCustomResource(provider) => provider.is_complete(pending).await,
        }
    }
}

fn main() -> ExitCode {
    serve_provider(choose)
}
