//! A request as its maker has it, made, answered and collected without `ots`.

use data_encoding::BASE64;
use ots::{
    crypto::{
        envelope::Label,
        sealed_box::{Invitation, Keys},
    },
    secret::{CollectingKey, RequestKey, RequestLabel},
};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use super::{CLAIM, Server};

/// What it asks for.
pub const LABEL: &str = "the database's password";

pub struct Asked {
    pub keys: Keys,
    /// The key's text.
    key: String,
    pub token: String,
    pub collecting: String,
    pub receipt: String,
}

/// What opens a request with these keys.
pub fn body(keys: &Keys) -> Value {
    let label = RequestLabel::new(LABEL.to_owned().into()).unwrap();
    json!({ "invitation": BASE64.encode(&keys.invite(Some(&label)).unwrap()), "proof": keys.proof().expose() })
}

pub fn opens(server: &Server, body: &Value) -> RequestBuilder {
    server.request(Method::POST, "/api/v1/requests").json(body)
}

/// Makes a request, with these members too.
pub async fn ask(server: &Server, more: Value) -> Asked {
    let key = RequestKey::generate().unwrap();
    let keys = Keys::derive(&key, None).unwrap();
    let mut body = body(&keys);
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let response = opens(server, &body).send().await.unwrap();
    assert_eq!(response.status(), 201);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let opened: Value = response.json().await.unwrap();
    let word = |name: &str| opened[name].as_str().unwrap().to_owned();
    let (token, receipt) = (word("token"), word("receipt"));
    assert_eq!(word("url"), format!("{}/r/{token}", server.url));
    assert_eq!(word("receipt_url"), format!("{}/t/{receipt}", server.url));
    assert_eq!(location, format!("/api/v1/requests/{token}"));
    Asked { keys, key: key.expose().to_string(), token, collecting: word("collecting_token"), receipt }
}

impl Asked {
    /// An answer, as who has its link seals one.
    pub fn sealed(&self, content: &[u8]) -> Vec<u8> {
        let invitation = Invitation::open(&self.keys.invite(None).unwrap(), self.keys.fingerprint()).unwrap();
        invitation.answer(content, &Label::default()).unwrap()
    }

    /// Answers it: the status.
    pub async fn answer(&self, server: &Server, content: &[u8]) -> u16 {
        answers(server, &self.token, self.sealed(content)).send().await.unwrap().status().as_u16()
    }

    pub async fn state(&self, server: &Server) -> String {
        let path = format!("/api/v1/receipts/{}", self.receipt);
        let told: Value = server.request(Method::GET, &path).send().await.unwrap().json().await.unwrap();
        told["state"].as_str().unwrap().to_owned()
    }

    /// Claims the answer: what is in it; none where there is none.
    pub async fn claim(&self, server: &Server) -> Option<Vec<u8>> {
        let response = server.reveal(&self.collecting, Some(CLAIM), Some(self.keys.proof().expose())).await;
        if response.status() == 404 {
            return None;
        }
        assert_eq!(response.status(), 200);
        let revealed: Value = response.json().await.unwrap();
        let answer = BASE64.decode(revealed["content"].as_str().unwrap().as_bytes()).unwrap();
        Some(self.keys.open(answer.into()).unwrap().content().to_vec())
    }

    /// Claims the answer, and says that it has arrived.
    pub async fn collect(&self, server: &Server) -> Option<Vec<u8>> {
        let content = self.claim(server).await?;
        assert_eq!(server.delete(&self.collecting, Some(CLAIM)).await.status(), 204);
        Some(content)
    }

    /// What `ots request` would have written, for a server that is there now.
    pub fn file(&self, server: &Server) -> String {
        let link = format!("{}/r/{}#{}", server.url, self.token, self.keys.fingerprint().expose().as_str());
        let collecting = CollectingKey {
            link: link.parse().unwrap(),
            token: self.collecting.parse().unwrap(),
            key: self.key.parse().unwrap(),
            passphrase: false,
            label: None,
        };
        collecting.to_file().to_string()
    }
}

pub async fn invited(server: &Server, token: &str) -> Response {
    server.request(Method::GET, &format!("/api/v1/requests/{token}")).send().await.unwrap()
}

pub fn answers(server: &Server, token: &str, answer: Vec<u8>) -> RequestBuilder {
    let request = server.request(Method::POST, &format!("/api/v1/requests/{token}/answer"));
    request.header("content-type", "application/octet-stream").body(answer)
}

/// Takes it back, with a collecting token or without: the status.
pub async fn withdraw(server: &Server, token: &str, collecting: Option<&str>) -> u16 {
    let request = server.request(Method::DELETE, &format!("/api/v1/requests/{token}"));
    let request = collecting.into_iter().fold(request, |request, token| request.header("ots-collecting-token", token));
    request.send().await.unwrap().status().as_u16()
}
