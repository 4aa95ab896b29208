//! The delayed message that brings the count of a window back, in SQS.

use aws_sdk_sqs::Client;
use latchkey_auth::Cause;
use latchkey_aws::SdkConfig;
use latchkey_notifier::Queue;

/// A queue whose messages come back to the notifier.
pub struct SqsQueue {
    client: latchkey_aws::Client<Client>,
    url: String,
}

impl SqsQueue {
    /// Uses the queue with this address.
    #[must_use]
    pub fn new(aws: &SdkConfig, url: String) -> Self {
        Self { client: latchkey_aws::client(aws, Client::new), url }
    }
}

/// The longest delay of a message in seconds, by SQS.
const LONGEST_DELAY: u64 = 900;

impl Queue for SqsQueue {
    async fn send_later(&self, window: &str, delay: u64) -> Result<(), Cause> {
        let delay = i32::try_from(delay.min(LONGEST_DELAY)).unwrap_or(0);
        let sent = self.client.send_message().queue_url(&self.url).message_body(window).delay_seconds(delay).send();
        sent.await.map(drop).map_err(|error| latchkey_aws::cause(&error))
    }
}
