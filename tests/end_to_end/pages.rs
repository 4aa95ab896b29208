//! The pages and the inbox in a real browser, as a person goes through them, and what a page weighs: `./bench.sh pages`
//! shows what is printed here.

#![allow(clippy::print_stdout, reason = "the figures are for whoever started it")]

use crate::account::{Account, address};
use crate::browser::Browser;
use crate::limits::make_the_wait_long;
use crate::service::{Service, target};
use fantoccini::Locator;
use harness::statistics::median;
use serde_json::{Value, json};

const PAGES: [&str; 7] = [
    "index.html",
    "signUp.html",
    "verify.html",
    "login.html",
    "lostPassword.html",
    "resetPassword.html",
    "changePassword.html",
];

/// The most that a page may weigh with all that it loads, compressed.
const HEAVIEST: u64 = 20 * 1024;

/// First visits to each page, of which the median is printed.
const VISITS: usize = 3;

/// Opens the inbox and follows the link of the newest mail to this address.
async fn follow_mailed_link(browser: &Browser, service: &Service, email: &str) {
    browser.open(service.setting("INBOX_URL")).await;
    browser.see("article").await;
    for mail in browser.page.find_all(Locator::Css("article")).await.unwrap() {
        if mail.text().await.unwrap().contains(email) {
            let link = mail.find(Locator::Css("pre a")).await.unwrap();
            return browser.follow(link).await;
        }
    }
    panic!("the inbox shows no mail to the address");
}

#[tokio::test]
async fn a_person_gets_from_sign_up_to_a_changed_and_a_reset_password_by_pages_and_inbox_alone() {
    let service = Service::running();
    let browser = Browser::start().await;
    let email = address("browser");

    browser.open(service.setting("SITE_URL")).await;
    browser.picture("index").await;
    browser.click("a[href='signUp.html']").await;
    browser.fill("#email", &email).await;
    browser.fill("#name", "Ada Lovelace").await;
    browser.fill("#password", "the first password").await;
    browser.picture("sign-up").await;
    browser.submit().await;
    assert!(browser.text("#done").await.contains(&email));
    browser.picture("signed-up").await;

    follow_mailed_link(&browser, &service, &email).await;
    assert_eq!(browser.text("#address").await, email);
    assert!(browser.page.current_url().await.unwrap().query().is_none(), "the token leaves the address bar");
    let item = service.item(&email).await.unwrap();
    assert_eq!(item["verified"].as_bool(), Ok(&false), "opening the link spends nothing");
    browser.picture("verify").await;
    browser.fill("#password", "not the password").await;
    browser.submit().await;
    browser.see("#result[data-state=refused][data-reason=invalid_credentials] a[href='lostPassword.html']").await;
    browser.fill("#password", "the first password").await;
    browser.click("#submit:enabled").await;
    browser.see("#result[data-state=done]").await;
    browser.see("#logged-in:not([hidden])").await;
    browser.picture("verified").await;

    // The page has logged in. Another tab has not, in the browser that is known from now on.
    browser.click("#logged-in a").await;
    browser.see("#signed-in:not([hidden])").await;
    browser.click("#sign-out").await;
    browser.open(&service.page("login.html")).await;
    browser.fill("#email", &email).await;
    browser.fill("#password", "not the password").await;
    browser.submit().await;
    browser.see("#result[data-state=refused][data-reason=invalid_credentials]").await;
    browser.picture("refused").await;
    browser.fill("#password", "the first password").await;
    browser.click("#submit:enabled").await;
    browser.see("#signed-in:not([hidden])").await;
    assert_eq!(browser.text("#signed-in-email").await, email);
    let identity = browser.text("#identity-id").await;
    assert!(identity.starts_with(service.setting("AWS_REGION")), "{identity}");
    let held = browser
        .page
        .execute_async(
            "const done = arguments[0]; import('./latchkey.js').then((client) => done(client.credentials()))",
            Vec::new(),
        )
        .await
        .unwrap();
    assert_eq!(held["identityId"], Value::from(identity));
    assert!(["accessKeyId", "secretAccessKey", "sessionToken"].iter().all(|key| held[*key].is_string()));
    browser.picture("signed-in").await;

    browser.click("#signed-in a[href='changePassword.html']").await;
    browser.fill("#old-password", "the first password").await;
    browser.fill("#new-password", "the second password").await;
    browser.picture("change-password").await;
    browser.submit().await;
    browser.see("#result[data-state=done]").await;

    browser.open(&service.page("lostPassword.html")).await;
    browser.fill("#email", &email).await;
    browser.submit().await;
    browser.see("#result[data-state=done]").await;
    browser.picture("lost-password").await;
    follow_mailed_link(&browser, &service, &email).await;
    browser.fill("#new-password", "the third password").await;
    browser.picture("reset-password").await;
    browser.submit().await;
    browser.see("#result[data-state=done]").await;

    // The tab that the link opened is a new session: nobody is logged in there.
    browser.open(&service.page("login.html")).await;
    browser.fill("#email", &email).await;
    browser.fill("#password", "the third password").await;
    browser.click("#submit:enabled").await;
    browser.see("#signed-in:not([hidden])").await;
    browser.click("#sign-out").await;
    browser.see("#signed-out:not([hidden])").await;

    browser.open(service.setting("INBOX_URL")).await;
    browser.see("article").await;
    browser.picture("inbox").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_browser_that_logged_in_before_gets_in_while_strangers_make_all_others_wait() {
    let service = Service::running();
    let ada = Account::verified(&service, "known").await;
    let [known, unknown] = [Browser::start().await, Browser::start().await];
    let log_in = async |browser: &Browser| {
        browser.open(&service.page("login.html")).await;
        browser.fill("#email", &ada.email).await;
        browser.fill("#password", &ada.password).await;
        browser.click("#submit:enabled").await;
    };
    log_in(&known).await;
    known.see("#signed-in:not([hidden])").await;
    known.click("#sign-out").await;
    let kept = known.run("return Object.keys(localStorage)").await;
    assert_eq!(kept.as_array().map(Vec::len), Some(1), "one token");
    assert!(!kept.to_string().contains('@'), "under no address: {kept}");

    make_the_wait_long(&service, &ada.email).await;
    log_in(&unknown).await;
    unknown.see("#result[data-state=refused][data-reason=too_many_attempts]").await;
    log_in(&known).await;
    known.see("#signed-in:not([hidden])").await;
    for browser in [&known, &unknown] {
        assert_eq!(browser.complaints().await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_used_link_says_so_and_how_to_get_another() {
    let service = Service::running();
    let browser = Browser::start().await;
    let ada = Account::verified(&service, "used").await;
    let link = {
        ada.lose_password(&service).await;
        service.last_mail(&ada.email).await.link()
    };
    for expected in ["done", "refused"] {
        // A page is opened anew by each click on the link, as from a mail.
        browser.open("about:blank").await;
        browser.open(&link).await;
        browser.fill("#new-password", "a long enough password").await;
        browser.submit().await;
        browser.see(&format!("#result[data-state={expected}]")).await;
    }
    browser.see("#result[data-reason=invalid_token] a[href='lostPassword.html']").await;
    browser.picture("used-link").await;
}

#[tokio::test]
async fn an_error_stands_beside_its_field_and_nothing_typed_is_lost() {
    let service = Service::running();
    let browser = Browser::start().await;
    browser.open(&service.page("signUp.html")).await;
    browser.fill("#email", "not an address").await;
    browser.fill("#name", "Ada").await;
    browser.fill("#password", "short").await;
    browser.submit().await;
    assert!(!browser.text("#email-error:not(:empty)").await.is_empty());
    assert!(!browser.text("#password-error:not(:empty)").await.is_empty());
    let announced = browser.run("return document.activeElement.getAttribute('aria-describedby')").await;
    assert_eq!(announced, json!("email-error"), "the first field with an error has the focus and names its error");
    let typed =
        browser.run("return ['email', 'name', 'password'].map((id) => document.getElementById(id).value)").await;
    assert_eq!(typed, json!(["not an address", "Ada", "short"]));
    browser.picture("errors").await;

    // What only the function knows comes to the same place.
    browser.fill("#email", "ada@example").await;
    browser.fill("#password", &"too long ".repeat(120)).await;
    browser.submit().await;
    browser.see("#result[data-state=refused]").await;
    assert!(!browser.text("#password-error:not(:empty), #email-error:not(:empty)").await.is_empty());
}

#[tokio::test]
async fn every_page_asks_nobody_but_the_service_and_its_policy_is_kept() {
    let service = Service::running();
    let browser = Browser::start().await;
    for page in PAGES {
        browser.open(&service.page(page)).await;
        browser.see("#service-name:not(:empty)").await;
        let requested = browser.run("return performance.getEntriesByType('resource').map((entry) => entry.name)").await;
        for url in requested.as_array().unwrap() {
            assert!(url.as_str().unwrap().starts_with(service.setting("AWS_ENDPOINT_URL")), "{page} asked {url}");
        }
        assert_eq!(browser.complaints().await, Vec::<String>::new(), "{page}");
        // A script of somebody else's must not run.
        browser
            .run(
                "const script = document.createElement('p'); window.injected = false; \
                 try { script.innerHTML = '<img src=x onerror=\"window.injected = true\">'; document.body.append(script); } catch {}",
            )
            .await;
        assert_eq!(browser.run("return window.injected").await, json!(false), "{page}");
        assert!(!browser.complaints().await.is_empty(), "{page} has no policy");
    }
}

#[tokio::test]
async fn every_field_has_a_label_and_says_to_password_managers_what_it_is() {
    let service = Service::running();
    let browser = Browser::start().await;
    for page in PAGES {
        browser.open(&service.page(page)).await;
        let unlabelled = browser
            .run(
                "return [...document.querySelectorAll('input')].filter((input) => !input.readOnly \
                 && !(input.labels.length && input.autocomplete)).map((input) => input.id)",
            )
            .await;
        assert_eq!(unlabelled, json!([]), "{page}");
        // A phone's width: nothing is cut off.
        browser.page.set_window_size(500, 900).await.unwrap();
        let too_wide = browser.run("return document.documentElement.scrollWidth > innerWidth").await;
        assert_eq!(too_wide, json!(false), "{page}");
    }
}

/// What the browser says of a page that it has just shown: the first paint with content, the shifts of the layout by the
/// part of the window that moved and how far, and each request's bytes as they are and as they were sent.
const MEASURE: &str = "
    const done = arguments[0];
    const observed = (type) => new Promise((resolve) => {
        const found = [];
        new PerformanceObserver((list) => found.push(...list.getEntries())).observe({ type, buffered: true });
        // What was buffered comes in a task of its own, and a late shift gets its time.
        setTimeout(() => resolve(found), 300);
    });
    (async () => {
        const [paints, shifts] = await Promise.all([observed('paint'), observed('layout-shift')]);
        const loaded = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
        // What is used twice is listed twice, and comes once.
        const once = new Map(loaded.map((entry) => [entry.name, entry])).values();
        const requests = [...once].map((entry) => ({
            url: entry.name, bytes: entry.decodedBodySize, compressed: entry.encodedBodySize,
        }));
        return {
            painted: paints.find((entry) => entry.name === 'first-contentful-paint')?.startTime,
            shifted: shifts.reduce((sum, entry) => sum + entry.value, 0),
            moved: shifts.flatMap((entry) => entry.sources.map((source) => source.node?.id || source.node?.nodeName)),
            requests,
        };
    })().then(done, (error) => done(String(error)));
";

/// A first visit, by a browser that has nothing of the pages; or as over a slow connection, where whatever comes late shows.
async fn visit(url: &str, slow: bool) -> Value {
    let browser = Browser::start().await;
    if slow {
        browser.slow_down(150, 100_000).await;
    }
    browser.open(url).await;
    browser.see("#service-name:not(:empty)").await;
    let measured = browser.wait_for(MEASURE).await;
    assert!(measured.is_object(), "{url}: {measured}");
    measured
}

#[tokio::test]
async fn a_page_is_light_asks_for_no_more_than_it_must_and_nothing_in_it_moves() {
    let service = Service::running();
    println!(
        "\n| page | requests | bytes | as sent, at most {HEAVIEST} | layout shift, 0 | slow, 0 | first contentful paint, below 300 ms | slow |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let mut all = Vec::new();
    for page in PAGES {
        // The pages of mailed links as they are opened: with one.
        let link = match page {
            "verify.html" => "?email=ada%40example.com&verify=a-token",
            "resetPassword.html" => "?email=ada%40example.com&lost=a-token",
            _ => "",
        };
        let url = format!("{}{link}", service.page(page));
        let mut visits = Vec::new();
        for _ in 0..VISITS {
            visits.push(visit(&url, false).await);
        }
        let slow = visit(&url, true).await;
        let number = |visit: &Value, what: &str| visit[what].as_f64().unwrap();
        let painted = median(&visits.iter().map(|visit| number(visit, "painted")).collect::<Vec<_>>()).round();
        let painted_slowly = number(&slow, "painted").round();
        let [shifted, shifted_slowly] = [&visits[0], &slow].map(|visit| number(visit, "shifted"));
        let measured = &visits[0];
        let requests = measured["requests"].as_array().unwrap();
        let sum = |what: &str| requests.iter().map(|request| request[what].as_u64().unwrap()).sum::<u64>();
        let (bytes, compressed) = (sum("bytes"), sum("compressed"));
        println!(
            "| {page} | {} | {bytes} | {compressed} | {shifted} | {shifted_slowly} | {painted} | {painted_slowly} |",
            requests.len()
        );
        all.push(json!({ "page": page, "visits": visits, "slow": slow }));

        // Itself, style, logo, settings, library, signature, its script, what all share; and what forms share or what tells
        // who is logged in, or both.
        let due = if page == "login.html" { 10 } else { 9 };
        assert_eq!(requests.len(), due, "{page}: {requests:?}");
        assert!(compressed <= HEAVIEST, "{page}: {compressed} bytes");
        assert!(shifted == 0.0 && shifted_slowly == 0.0, "{page}: {} {}", measured["moved"], slow["moved"]);
    }
    let folder = target().join("bench");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("pages.json"), format!("{:#}\n", Value::from(all))).unwrap();
}
