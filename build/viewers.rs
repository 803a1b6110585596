//! The scripts and the style of the two pages that show the API, Swagger UI and `ReDoc`: taken out of the pages that aide makes,
//! and compressed. What a page loads has a name of its own, so that its policy needs no hash and its browser reads it once.

use std::{fs, path::Path};

use aide::{redoc::Redoc, swagger::Swagger};

/// What `ReDoc` would show of another host's, and an empty picture in its place.
const REDOC_LOGO: &str = "https://cdn.redoc.ly/redoc/logo-mini.svg";
const NOTHING: &str = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==";

/// The document, as both pages name it.
const DOCUMENT: &str = "openapi.json";

/// Writes `swagger-ui.css`, `swagger-ui.js` and `redoc.js`, each with `.gz`.
pub(crate) fn make(out: &Path) {
    let swagger = Swagger::new(DOCUMENT).html();
    let redoc = Redoc::new(DOCUMENT).html();
    assert!(redoc.contains(REDOC_LOGO), "ReDoc's logo has moved: look for other hosts in its script");
    let write = |name: &str, text: &str| fs::write(out.join(name), crate::gzip_of(text.as_bytes())).unwrap();
    write("swagger-ui.css.gz", &inside(&swagger, "<style>", "</style>"));
    write("swagger-ui.js.gz", &inside(&swagger, "<script>", "</script>"));
    write("redoc.js.gz", &inside(&redoc, "<script>", "</script>").replace(REDOC_LOGO, NOTHING));
}

/// What stands between the tags, wherever they come, in its order.
fn inside(html: &str, open: &str, close: &str) -> String {
    let (mut found, mut rest) = (String::new(), html);
    while let Some((_, after)) = rest.split_once(open) {
        let (text, next) = after.split_once(close).unwrap();
        found.push_str(text);
        found.push('\n');
        rest = next;
    }
    assert!(!found.is_empty(), "there is no {open} in the page");
    found
}
