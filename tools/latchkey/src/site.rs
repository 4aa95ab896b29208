//! The pages as they are served: the sources, with the addresses that they may call filled in.

use serde_json::json;
use std::fs;
use std::io;
use std::path::Path;

/// What stands in the sources' Content-Security-Policy for the addresses that a page may call.
const CONNECT: &str = "https://connect-src.invalid";

/// Copies the pages into a fresh folder, fills in their policy, and writes `config.js` beside `latchkey.js`.
///
/// With an endpoint, all calls go there, as they do on the local cloud.
pub fn site(settings: &[(&str, String)], web: &Path, out: &Path, endpoint: Option<&str>) -> io::Result<()> {
    let value = |key: &str| settings.iter().find(|(name, _)| *name == key).map_or("", |(_, value)| value);
    let region = value("REGION");
    let connect = endpoint.map_or_else(
        || format!("https://cognito-identity.{region}.amazonaws.com https://lambda.{region}.amazonaws.com"),
        str::to_owned,
    );
    if out.exists() {
        fs::remove_dir_all(out)?;
    }
    copy(web, out, &connect)?;
    let config = json!({
        "region": region,
        "identityPoolId": value("IDENTITY_POOL_ID"),
        "functionPrefix": value("FUNCTION_PREFIX"),
        "serviceName": value("EXTERNAL_NAME"),
        "endpoint": endpoint,
        "passwordMinLength": value("PASSWORD_MIN_LENGTH").parse::<u8>().unwrap_or(8),
    });
    fs::write(out.join("config.js"), format!("export default {config:#};\n"))
}

fn copy(from: &Path, to: &Path, connect: &str) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let source = entry?.path();
        let Some(name) = source.file_name() else { continue };
        let target = to.join(name);
        if source.is_dir() {
            copy(&source, &target, connect)?;
        } else if source.extension().is_some_and(|extension| extension == "html") {
            fs::write(target, fs::read_to_string(&source)?.replace(CONNECT, connect))?;
        } else {
            fs::copy(&source, target)?;
        }
    }
    Ok(())
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
        fs::remove_dir_all(out).unwrap();
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
