//! The HTTP API, from outside: what it does, what it answers to bad input, and that bad input costs nobody a secret.

mod create;
mod errors;
mod http;
mod read;
mod receipts;
mod requests;

use reqwest::Response;
use serde_json::Value;

const GONE: &str = "Secret not found, already viewed, or expired";

async fn assert_gone(response: Response) {
    assert_eq!(response.status(), 404);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["detail"], GONE);
    assert_eq!(problem["code"], "gone");
    assert_eq!(problem["status"], 404);
}
