//! The own pages of the sample, as they came, in a real Chromium against Latchkey. See `tests/samples/README.md`.
//!
//! What differs from the sample's own deployment: its placeholders are replaced as its `deploy.sh` does it, the SDK comes from
//! the same bucket, and it calls the local cloud.

use crate::account::address;
use crate::browser::Browser;
use crate::scripts::run;
use crate::service::{Service, root};
use crate::set_up::configuration;
use fantoccini::Locator;
use serde_json::{Value, json};
use std::time::Duration;

/// The prefix that the pages call.
const PREFIX: &str = "LambdAuth";

/// The bucket of the sample's pages.
const BUCKET: &str = "lambdauth-own-pages";

/// The address from which the pages load the SDK.
const SDK: &str = "https://sdk.amazonaws.com/js/aws-sdk-2.3.7.min.js";

/// The longest that a page may take to say what came of a click.
const WAIT_LIMIT: Duration = Duration::from_secs(30);

/// Waits until the page says this.
async fn says(browser: &Browser, text: &str) {
    let there = format!("//*[@id='info'][contains(normalize-space(.), '{text}')]");
    let seen = browser.page.wait().at_most(WAIT_LIMIT).for_element(Locator::XPath(&there)).await;
    if let Err(error) = seen {
        panic!(
            "the page does not say '{text}', but '{}': {error}, {:?}",
            browser.text("#info").await,
            browser.complaints().await
        );
    }
}

/// Deploys a service with the prefix that the pages call, and the pages in a bucket that everybody may read.
async fn deploy(service: Service) -> Service {
    let endpoint = service.setting("AWS_ENDPOINT_URL");
    let page = |name: &str| format!("{endpoint}/{BUCKET}/{name}");
    let changes = json!({
        "FUNCTION_PREFIX": PREFIX, "VERIFICATION_PAGE": page("verify.html"), "RESET_PAGE": page("reset.html"),
    });
    let file = configuration(&service, &changes);
    run(&service, "./init.sh", &["--config", file.to_str().unwrap()]).await.unwrap();
    // As it was written back.
    let config: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();

    let site = service.folder.join("lambdauth-pages");
    std::fs::create_dir_all(&site).unwrap();
    for entry in std::fs::read_dir(root().join("tests/samples/LambdAuth/www")).unwrap() {
        let entry = entry.unwrap();
        let text = std::fs::read_to_string(entry.path()).unwrap();
        let text = ["REGION", "IDENTITY_POOL_ID", "DEVELOPER_PROVIDER_NAME"]
            .iter()
            .fold(text, |text, key| text.replace(&format!("<{key}>"), config[*key].as_str().unwrap()));
        std::fs::write(site.join(entry.file_name()), text.replace(SDK, "aws-sdk.js")).unwrap();
    }
    let sdk = root().join(".local/sample-sdk/aws-sdk-2.3.7.min.js");
    let sdk = std::fs::read_to_string(&sdk)
        .unwrap_or_else(|error| panic!("{}: {error}; ./test.sh fetches it", sdk.display()));
    std::fs::write(site.join("aws-sdk.js"), format!("{sdk}\nAWS.config.update({{ endpoint: '{endpoint}' }});\n"))
        .unwrap();

    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": format!("arn:aws:s3:::{BUCKET}/*"),
    }] });
    // It may be there from an earlier run on the same emulator.
    let _ = run(&service, "aws", &["s3", "mb", &format!("s3://{BUCKET}")]).await;
    run(&service, "aws", &["s3api", "delete-public-access-block", "--bucket", BUCKET]).await.unwrap();
    run(&service, "aws", &["s3api", "put-bucket-policy", "--bucket", BUCKET, "--policy", &policy.to_string()])
        .await
        .unwrap();
    let (from, to) = (site.to_str().unwrap().to_owned(), format!("s3://{BUCKET}"));
    run(&service, "aws", &["s3", "sync", "--quiet", &from, &to]).await.unwrap();
    // Its mail is waited for in its own outbox.
    service.of_stack(&file)
}

#[tokio::test]
async fn a_user_of_the_samples_own_pages_signs_up_verifies_logs_in_changes_loses_and_resets_a_password() {
    let service = deploy(Service::running()).await;
    let browser = Browser::start().await;
    let open = async |page: &str| {
        browser.open("about:blank").await;
        browser.open(&format!("{}/{BUCKET}/{page}", service.setting("AWS_ENDPOINT_URL"))).await;
    };
    let email = address("pages");
    let typed = email.replacen('p', "P", 1);

    open("signup.html").await;
    browser.fill("#email", &typed).await;
    browser.fill("#password", "the first password").await;
    browser.fill("#verifyPassword", "the first password").await;
    browser.click("#signup-button").await;
    says(&browser, &format!("User {typed} created.")).await;

    let log_in = async |password: &str| {
        open("login.html").await;
        browser.fill("#email", &typed).await;
        browser.fill("#password", password).await;
        browser.click("#login-button").await;
    };
    browser.open(&service.last_mail(&email).await.link()).await;
    says(&browser, "has been Verified, thanks!").await;
    log_in("not the password").await;
    says(&browser, "Not logged in").await;
    log_in("the first password").await;
    says(&browser, "Logged in with IdentityId: ").await;
    browser.picture("lambdauth-login").await;

    open("changePassword.html").await;
    browser.fill("#email", &typed).await;
    browser.fill("#old-password", "the first password").await;
    browser.fill("#new-password", "the second password").await;
    browser.fill("#verify-new-password", "the second password").await;
    browser.click("#change-button").await;
    says(&browser, "Password changed.").await;

    // The SDK keeps the identity of that user for the next page, which asks for it as a guest. Cognito refuses that, the SDK
    // forgets the identity, and a second click works. So it was with the sample's own functions.
    browser.complaints().await;
    open("lostPassword.html").await;
    browser.fill("#email", &typed).await;
    browser.click("#lost-button").await;
    let refused = async {
        while !browser.complaints().await.iter().any(|line| line.contains("NotAuthorizedException")) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(WAIT_LIMIT, refused).await.expect("Cognito refuses the identity to a guest");
    browser.click("#lost-button").await;
    says(&browser, "Email sent.").await;
    let link = service.last_mail(&email).await.link();
    for (password, outcome) in
        [("the third password", "Password changed for user"), ("the fourth password", "Password not changed.")]
    {
        // A link works once.
        browser.open("about:blank").await;
        browser.open(&link).await;
        browser.fill("#password", password).await;
        browser.fill("#verifyPassword", password).await;
        browser.click("#reset-password-button").await;
        says(&browser, outcome).await;
    }
    log_in("the second password").await;
    says(&browser, "Not logged in").await;
    log_in("the third password").await;
    says(&browser, "Logged in with IdentityId: ").await;
}
