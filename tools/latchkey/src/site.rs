//! The pages as they are served: the sources, with their shared parts and the addresses that they may call filled in.

mod parts;

use parts::Parts;
use serde_json::json;
use std::fs;
use std::io;
use std::path::Path;

/// The placeholder in the sources' Content-Security-Policy for the addresses that a page may call.
const CONNECT: &str = "https://connect-src.invalid";

/// The folder with the parts, inside that of the pages. It is not published.
const PARTS: &str = "parts";

/// Copies the pages into a fresh folder, fills in their parts and policy, and writes `config.js` beside `latchkey.js`.
///
/// With an endpoint, all calls go there, as they do on the local cloud.
pub fn site(settings: &[(&str, String)], web: &Path, out: &Path, endpoint: Option<&str>) -> io::Result<()> {
    let value = |key: &str| settings.iter().find(|(name, _)| *name == key).map_or("", |(_, value)| value);
    let region = value("REGION");
    let connect = endpoint.map_or_else(
        || format!("https://cognito-identity.{region}.amazonaws.com https://lambda.{region}.amazonaws.com"),
        str::to_owned,
    );
    let source = Source { web, parts: Parts::read(&web.join(PARTS))?, connect };
    if out.exists() {
        fs::remove_dir_all(out)?;
    }
    source.copy(web, out)?;
    let config = json!({
        "region": region,
        "identityPoolId": value("IDENTITY_POOL_ID"),
        "functionPrefix": value("FUNCTION_PREFIX"),
        "serviceName": value("EXTERNAL_NAME"),
        "endpoint": endpoint,
        "passwordMinLength": value("PASSWORD_MIN_LENGTH").parse::<u8>().map_err(io::Error::other)?,
    });
    fs::write(out.join("config.js"), format!("export default {config:#};\n"))
}

/// The pages before they are filled in, and what goes into them.
struct Source<'a> {
    web: &'a Path,
    parts: Parts,
    connect: String,
}

impl Source<'_> {
    fn copy(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let source = entry?.path();
            let Some(name) = source.file_name() else { continue };
            let target = to.join(name);
            if source == self.web.join(PARTS) {
                continue;
            }
            if source.is_dir() {
                self.copy(&source, &target)?;
            } else if source.extension().is_some_and(|extension| extension == "html") {
                fs::write(target, self.page(&source)?)?;
            } else {
                fs::copy(&source, target)?;
            }
        }
        Ok(())
    }

    fn page(&self, path: &Path) -> io::Result<String> {
        let filled = self.parts.fill(&fs::read_to_string(path)?).map_err(|problem| {
            let page = path.strip_prefix(self.web).unwrap_or(path).display();
            io::Error::new(io::ErrorKind::InvalidData, format!("{page}: {problem}"))
        })?;
        Ok(filled.replace(CONNECT, &self.connect))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(name: &str, endpoint: Option<&str>) -> std::path::PathBuf {
        let out = std::env::temp_dir().join(format!("latchkey-site-{}-{name}", std::process::id()));
        let mut config = crate::check(include_str!("../../../config.json")).unwrap();
        config.insert("EXTERNAL_NAME".to_owned(), json!("Tom's \"</script>\" & Co"));
        let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web");
        site(&crate::effective(&config), &web, &out, endpoint).unwrap();
        out
    }

    #[test]
    fn every_page_may_call_the_two_services_of_its_region_and_nothing_else() {
        let out = made("aws", None);
        let mut pages = 0;
        for entry in fs::read_dir(&out).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "html") {
                let html = fs::read_to_string(&path).unwrap();
                let policy = "connect-src https://cognito-identity.us-east-1.amazonaws.com https://lambda.us-east-1.amazonaws.com";
                assert!(html.contains(policy) && !html.contains(CONNECT), "{}", path.display());
                pages += 1;
            }
        }
        assert_eq!(pages, 7);
        assert!(out.join("vendor/aws4fetch.js").exists());
        assert!(!out.join(PARTS).exists(), "parts are not published by themselves");
        fs::remove_dir_all(out).unwrap();
    }

    #[test]
    fn every_page_has_one_title_one_heading_of_the_same_words_and_one_header() {
        let out = made("parts", None);
        for entry in fs::read_dir(&out).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "html") {
                let html = fs::read_to_string(&path).unwrap();
                let between = |start: &str, end: &str| {
                    let (_, rest) = html.split_once(start).unwrap();
                    assert!(!rest.contains(start), "{}: {start}", path.display());
                    rest.split_once(end).unwrap().0
                };
                assert_eq!(between("<title>", "</title>"), between("<h1>", "</h1>"), "{}", path.display());
                assert!(between("<header>", "</header>").contains("id=\"service-name\""), "{}", path.display());
            }
        }
        fs::remove_dir_all(out).unwrap();
    }

    #[test]
    fn a_missing_part_is_reported_with_the_page_that_asks_for_it() {
        let folder = std::env::temp_dir().join(format!("latchkey-site-{}-missing", std::process::id()));
        let web = folder.join("web");
        fs::create_dir_all(web.join("help")).unwrap();
        fs::write(web.join("help/index.html"), "<!-- part: head -->\n").unwrap();
        let error = site(&[], &web, &folder.join("out"), None).unwrap_err();
        assert_eq!(error.to_string(), "help/index.html: there is no part head: parts/head.html is missing");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_generated_module_is_data_whatever_the_name_of_the_service() {
        let out = made("local", Some("http://localhost:4566"));
        let module = fs::read_to_string(out.join("config.js")).unwrap();
        let json = module.strip_prefix("export default ").and_then(|rest| rest.strip_suffix(";\n")).unwrap();
        let config: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(config["serviceName"], "Tom's \"</script>\" & Co");
        assert_eq!(config["endpoint"], "http://localhost:4566");
        assert_eq!(config["passwordMinLength"], 8);
        fs::remove_dir_all(out).unwrap();
    }
}
