//! Services whose actions can be called by their names: those that speak AWS JSON or the query protocol. In REST protocols each
//! action has a method, a path and places for its parameters of its own, which only an SDK knows.

use crate::aws::JsonVersion::{self, V1_0, V1_1};

/// How a service is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// AWS JSON, with the prefix of `X-Amz-Target`.
    Json(JsonVersion, &'static str),
    /// Query, with the API's version.
    Query(&'static str),
}

/// A service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Service {
    /// The name in SDKs, in lower case.
    name: &'static str,
    pub(super) host: &'static str,
    pub(super) signing_name: &'static str,
    pub(super) protocol: Protocol,
}

const fn service(name: &'static str, host: &'static str, signing_name: &'static str, protocol: Protocol) -> Service {
    Service { name, host, signing_name, protocol }
}

/// From the models of the services, as SDKs are generated from them.
const SERVICES: [Service; 24] = [
    service("acm", "acm", "acm", Protocol::Json(V1_1, "CertificateManager")),
    service("autoscaling", "autoscaling", "autoscaling", Protocol::Query("2011-01-01")),
    service("cloudformation", "cloudformation", "cloudformation", Protocol::Query("2010-05-15")),
    service("cloudwatchevents", "events", "events", Protocol::Json(V1_1, "AWSEvents")),
    service("cloudwatchlogs", "logs", "logs", Protocol::Json(V1_1, "Logs_20140328")),
    service("codebuild", "codebuild", "codebuild", Protocol::Json(V1_1, "CodeBuild_20161006")),
    service(
        "cognitoidentity",
        "cognito-identity",
        "cognito-identity",
        Protocol::Json(V1_1, "AWSCognitoIdentityService"),
    ),
    service(
        "cognitoidentityserviceprovider",
        "cognito-idp",
        "cognito-idp",
        Protocol::Json(V1_1, "AWSCognitoIdentityProviderService"),
    ),
    service("dynamodb", "dynamodb", "dynamodb", Protocol::Json(V1_0, "DynamoDB_20120810")),
    service("ecr", "api.ecr", "ecr", Protocol::Json(V1_1, "AmazonEC2ContainerRegistry_V20150921")),
    service("ecs", "ecs", "ecs", Protocol::Json(V1_1, "AmazonEC2ContainerServiceV20141113")),
    service("eventbridge", "events", "events", Protocol::Json(V1_1, "AWSEvents")),
    service("firehose", "firehose", "firehose", Protocol::Json(V1_1, "Firehose_20150804")),
    service("glue", "glue", "glue", Protocol::Json(V1_1, "AWSGlue")),
    service("kinesis", "kinesis", "kinesis", Protocol::Json(V1_1, "Kinesis_20131202")),
    service("kms", "kms", "kms", Protocol::Json(V1_1, "TrentService")),
    service("rds", "rds", "rds", Protocol::Query("2014-10-31")),
    service("secretsmanager", "secretsmanager", "secretsmanager", Protocol::Json(V1_1, "secretsmanager")),
    service(
        "servicediscovery",
        "servicediscovery",
        "servicediscovery",
        Protocol::Json(V1_1, "Route53AutoNaming_v20170314"),
    ),
    service("ses", "email", "ses", Protocol::Query("2010-12-01")),
    service("sns", "sns", "sns", Protocol::Query("2010-03-31")),
    service("sqs", "sqs", "sqs", Protocol::Json(V1_0, "AmazonSQS")),
    service("ssm", "ssm", "ssm", Protocol::Json(V1_1, "AmazonSSM")),
    service("stepfunctions", "states", "states", Protocol::Json(V1_0, "AWSStepFunctions")),
];

/// Finds a service by its name in SDKs, in any case.
pub(super) fn find(name: &str) -> Option<Service> {
    SERVICES.into_iter().find(|service| service.name.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_found_by_their_names_in_sdks_and_those_that_rule_rights_are_not() {
        assert_eq!(find("SES").unwrap().host, "email");
        assert_eq!(find("CloudWatchLogs").unwrap().signing_name, "logs");
        for name in ["IAM", "STS", "Organizations", "Lambda", ""] {
            assert_eq!(find(name), None, "{name}");
        }
    }
}
