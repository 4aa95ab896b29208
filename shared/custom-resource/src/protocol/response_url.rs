//! Where an answer may go, and whose stacks are answered.
//!
//! Whoever may invoke the function chooses the event. Without these checks they could have the function, with its rights and
//! from its network, send a request to any address, or act for a stack of another account.

use crate::aws::domain;
use std::fmt;

/// What an event has to agree with: where this function runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    partition: String,
    region: String,
    account: String,
    test_endpoint: Option<String>,
}

/// The ARN of the invoked function is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the ARN of the invoked function is malformed")]
pub struct TrustError;

impl Trust {
    /// Reads partition, region and account from the ARN under which Lambda invoked this function. The event has no influence
    /// on it.
    ///
    /// `test_endpoint` is the origin of a local cloud, such as `http://localhost:4566`, whose response URLs are accepted
    /// instead of CloudFormation's. Only a setting of the function may give it.
    pub fn new(invoked_function_arn: &str, test_endpoint: Option<&str>) -> Result<Self, TrustError> {
        let mut parts = invoked_function_arn.split(':');
        let mut next = || parts.next().unwrap_or_default();
        let (arn, partition, service, region, account) = (next(), next(), next(), next(), next());
        let is_label = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        };
        let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        if arn != "arn" || service != "lambda" || !is_label(partition) || !is_label(region) || !is_account {
            return Err(TrustError);
        }
        Ok(Self {
            partition: partition.to_owned(),
            region: region.to_owned(),
            account: account.to_owned(),
            test_endpoint: test_endpoint.map(|origin| origin.trim_end_matches('/').to_owned()),
        })
    }

    /// The region of this function.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The account of this function.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Whether a stack is in this account and region.
    #[must_use]
    pub fn owns_stack(&self, stack_id: &str) -> bool {
        let Self { partition, region, account, .. } = self;
        stack_id
            .strip_prefix(&format!("arn:{partition}:cloudformation:{region}:{account}:stack/"))
            .is_some_and(|name| !name.is_empty())
    }

    /// The hosts of the bucket for responses in this region. CloudFormation writes the second form in `us-east-1` and the third
    /// elsewhere; S3 prefers the first.
    fn hosts(&self) -> [String; 3] {
        let region = &self.region;
        let domain = domain(region);
        let bucket = format!("cloudformation-custom-resource-response-{}", region.replace('-', ""));
        [
            format!("{bucket}.s3.{region}.{domain}"),
            format!("{bucket}.s3.{domain}"),
            format!("{bucket}.s3-{region}.{domain}"),
        ]
    }

    fn is_origin(&self, origin: &str) -> bool {
        // Compared byte by byte with what is expected: a user, a port or an unusual spelling does not match, so no two parsers
        // can disagree about the host.
        let official =
            origin.strip_prefix("https://").is_some_and(|host| self.hosts().iter().any(|known| known == host));
        official || self.test_endpoint.as_deref() == Some(origin)
    }
}

/// A presigned URL: whoever knows it may answer for the resource. Only its origin is ever printed.
#[derive(Clone, PartialEq, Eq)]
pub struct ResponseUrl {
    url: String,
    origin: usize,
}

impl ResponseUrl {
    /// Accepts an address in the bucket of this region, or at the test endpoint.
    #[must_use]
    pub fn parse(url: &str, trust: &Trust) -> Option<Self> {
        let scheme = url.find("://")? + 3;
        let origin = scheme + url[scheme..].find('/')?;
        // CloudFormation separates the parts of the object's key by bars, and does not always encode them.
        let printable = url.bytes().all(|byte| byte.is_ascii_graphic() && !br#"\"<>^`{}#"#.contains(&byte));
        (printable && url.len() <= Self::LIMIT && trust.is_origin(&url[..origin]))
            .then(|| Self { url: url.replace('|', "%7C"), origin })
    }

    /// The most bytes of a URL: SSM Parameter Store keeps 4 KB in a standard parameter.
    pub const LIMIT: usize = 3_500;

    /// The whole URL. It is for sending the answer, and for a store of secrets; it belongs in no log.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.url
    }
}

/// Its origin, and nothing of what makes it a secret.
impl fmt::Display for ResponseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/***", &self.url[..self.origin])
    }
}

/// As [`Display`](fmt::Display).
impl fmt::Debug for ResponseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResponseUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FUNCTION: &str = "arn:aws:lambda:eu-west-1:123412341234:function:provider";

    fn trust() -> Trust {
        Trust::new(FUNCTION, None).unwrap()
    }

    #[test]
    fn the_response_bucket_of_this_region_is_accepted_in_each_spelling() {
        let bucket = "https://cloudformation-custom-resource-response-euwest1";
        for host in ["s3.eu-west-1.amazonaws.com", "s3-eu-west-1.amazonaws.com", "s3.amazonaws.com"] {
            assert!(
                ResponseUrl::parse(&format!("{bucket}.{host}/arn%3Aaws|Id|1?Signature=x"), &trust()).is_some(),
                "{host}"
            );
        }
        let china = Trust::new("arn:aws-cn:lambda:cn-north-1:123412341234:function:f", None).unwrap();
        let url = "https://cloudformation-custom-resource-response-cnnorth1.s3.cn-north-1.amazonaws.com.cn/key?x";
        assert!(ResponseUrl::parse(url, &china).is_some());
    }

    #[test]
    fn every_other_address_is_refused() {
        let host = "cloudformation-custom-resource-response-euwest1.s3.eu-west-1.amazonaws.com";
        for url in [
            format!("http://{host}/key"),
            format!("https://{host}"),
            format!("https://{host}:443/key"),
            format!("https://user@{host}/key"),
            format!("https://{host}@example.com/key"),
            format!("https://{host}.example.com/key"),
            format!("https://example.com/https://{host}/key"),
            format!("https://example.com#{host}/key"),
            format!("https://example.com\\{host}/key"),
            format!("https://{host}/key#fragment"),
            format!("https://{host}/key with a space"),
            format!("https://{host}/k\u{e9}y"),
            format!("https://{host}/key\r\nx-header: 1"),
            format!("https://{host}/{}", "k".repeat(ResponseUrl::LIMIT)),
            "https://cloudformation-custom-resource-response-useast1.s3.us-east-1.amazonaws.com/key".to_owned(),
            "https://example.s3.eu-west-1.amazonaws.com/key".to_owned(),
            "https://169.254.169.254/latest/meta-data".to_owned(),
            "http://localhost:4566/key".to_owned(),
            "key".to_owned(),
            String::new(),
        ] {
            assert_eq!(ResponseUrl::parse(&url, &trust()), None, "{url}");
        }
    }

    #[test]
    fn a_test_endpoint_is_accepted_only_by_setting_and_only_as_it_was_set() {
        let local = Trust::new(FUNCTION, Some("http://localhost:4566/")).unwrap();
        assert!(ResponseUrl::parse("http://localhost:4566/_ministack/cfn-response/1", &local).is_some());
        for other in ["http://localhost:4567/key", "https://localhost:4566/key", "http://localhost:45661/key"] {
            assert_eq!(ResponseUrl::parse(other, &local), None, "{other}");
        }
    }

    #[test]
    fn only_stacks_of_this_account_and_region_are_owned() {
        assert!(trust().owns_stack("arn:aws:cloudformation:eu-west-1:123412341234:stack/name/uuid"));
        for stack in [
            "arn:aws:cloudformation:eu-west-1:999999999999:stack/name/uuid",
            "arn:aws:cloudformation:us-east-1:123412341234:stack/name/uuid",
            "arn:aws-cn:cloudformation:eu-west-1:123412341234:stack/name/uuid",
            "arn:aws:lambda:eu-west-1:123412341234:stack/name/uuid",
            "arn:aws:cloudformation:eu-west-1:123412341234:stack/",
            "",
        ] {
            assert!(!trust().owns_stack(stack), "{stack}");
        }
    }

    #[test]
    fn without_a_proper_arn_of_the_function_nothing_is_trusted() {
        for arn in ["", "arn:aws:lambda", "arn:aws:lambda:eu-west-1::function:f", "arn:aws:s3:eu-west-1:123412341234:f"]
        {
            assert_eq!(Trust::new(arn, None), Err(TrustError), "{arn}");
        }
    }

    proptest! {
        #[test]
        fn no_text_form_of_a_url_holds_its_path_or_query(secret in "[a-z0-9]{12,40}") {
            let host = "cloudformation-custom-resource-response-euwest1.s3.eu-west-1.amazonaws.com";
            let url = ResponseUrl::parse(&format!("https://{host}/{secret}?X-Amz-Signature={secret}"), &trust()).unwrap();
            let printed = format!("{url} {url:?} {url:#?}");
            prop_assert!(!printed.contains(&secret));
            prop_assert!(url.expose().contains(&secret));
        }

        #[test]
        fn no_text_leads_anywhere_but_to_the_bucket(url in "\\PC{0,80}") {
            prop_assert_eq!(ResponseUrl::parse(&url, &trust()), None);
        }
    }
}
