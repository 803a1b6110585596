//! The API described: `/openapi.json`, kept by hand in one document that `tests/it/openapi.rs` holds against the server and the types,
//! and two pages that show it, whose scripts `build.rs` takes from their crate. These pages hold no secret, and ask no other host.

use std::{io::Read as _, sync::OnceLock};

use bytes::Bytes;
use flate2::read::GzDecoder;
use hyper::{HeaderMap, StatusCode, header};

use super::{negotiate::Accepted, problem::nothing_here, reply::Reply};
use crate::api::{JSON, Problem};

const DOCUMENT: &str = include_str!("openapi.json");

/// Both pages style elements one by one, and show images that they hold themselves.
const POLICY: &str = "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; \
                      worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; script-src 'self'";

const SWAGGER: &str = r#"<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>ots: the API</title>
    <link rel="stylesheet" href="docs/swagger-ui.css">
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="docs/swagger-ui.js"></script>
  </body>
</html>
"#;

const REDOC: &str = r#"<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>ots: the API</title>
  </head>
  <body>
    <div id="redoc-container"></div>
    <script src="docs/redoc.js"></script>
  </body>
</html>
"#;

/// What the pages load, from below `/docs`.
static FILES: [File; 3] = [
    File::new(
        "swagger-ui.css",
        "text/css; charset=utf-8",
        include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui.css.gz")),
    ),
    File::new("swagger-ui.js", SCRIPT, include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui.js.gz"))),
    File::new("redoc.js", SCRIPT, include_bytes!(concat!(env!("OUT_DIR"), "/redoc.js.gz"))),
];

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// A file that is kept compressed; unpacked once, if a client ever wants it so.
struct File {
    name: &'static str,
    kind: &'static str,
    gzip: &'static [u8],
    plain: OnceLock<Bytes>,
}

impl File {
    const fn new(name: &'static str, kind: &'static str, gzip: &'static [u8]) -> Self {
        Self { name, kind, gzip, plain: OnceLock::new() }
    }

    #[expect(clippy::expect_used, reason = "the build compressed it; a test unpacks each")]
    fn plain(&self) -> Bytes {
        let unpack = || {
            let mut bytes = Vec::new();
            GzDecoder::new(self.gzip).read_to_end(&mut bytes).expect("it is gzip");
            bytes.into()
        };
        self.plain.get_or_init(unpack).clone()
    }
}

/// `GET /openapi.json`.
pub(super) fn json() -> Reply {
    Reply::empty(StatusCode::OK).with(header::CONTENT_TYPE, JSON).with_data(Bytes::from_static(DOCUMENT.as_bytes()))
}

/// `GET /docs`: Swagger UI.
pub(super) fn swagger() -> Reply {
    page(SWAGGER)
}

/// `GET /redoc`: `ReDoc`.
pub(super) fn redoc() -> Reply {
    page(REDOC)
}

fn page(html: &'static str) -> Reply {
    Reply::page(StatusCode::OK, Bytes::from_static(html.as_bytes())).with(header::CONTENT_SECURITY_POLICY, POLICY)
}

/// `GET /docs/{file}`: what the pages load.
pub(super) fn file(name: &str, headers: &HeaderMap) -> Result<Reply, Problem> {
    let file = FILES.iter().find(|file| file.name == name).ok_or_else(nothing_here)?;
    let reply =
        Reply::empty(StatusCode::OK).with(header::CONTENT_TYPE, file.kind).with(header::VARY, "Accept-Encoding");
    let accepted = Accepted::read(headers, header::ACCEPT_ENCODING);
    Ok(if accepted.best(&["gzip", "identity"]) == Some("gzip") {
        reply.with(header::CONTENT_ENCODING, "gzip").with_data(Bytes::from_static(file.gzip))
    } else {
        reply.with_data(file.plain())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_pages_load_is_there_whole_and_names_no_other_host() {
        for page in [SWAGGER, REDOC] {
            for loaded in page.split("\"docs/").skip(1).filter_map(|rest| rest.split('"').next()) {
                assert!(FILES.iter().any(|file| file.name == loaded), "{loaded}");
            }
        }
        for file in &FILES {
            let text = String::from_utf8(file.plain().to_vec()).unwrap();
            assert!(text.len() > 100_000 && file.gzip.len() * 2 < text.len(), "{}", file.name);
            assert!(!text.contains("https://cdn."), "{}", file.name);
        }
    }
}
