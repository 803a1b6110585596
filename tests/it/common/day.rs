//! A day in the life of a server: what is told of secrets, all of it once.

use serde_json::{Value, json};

use super::{CLAIM, Server};

/// Every event that a secret can have, by one server; gives the tokens.
pub async fn a_day(server: &Server) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut create = async |body: Value| {
        let token = server.create_with(body).await;
        tokens.push(token.clone());
        token
    };
    let plain = create(json!({"content": "hunter2", "ttl_seconds": 600})).await;
    server.get(&plain).await;
    let claimed = create(json!({"content": "hunter2"})).await;
    for _ in 0..2 {
        server.reveal(&claimed, Some(CLAIM), None).await;
    }
    server.delete(&claimed, Some(CLAIM)).await;
    let burned = create(json!({"content": "hunter2"})).await;
    server.delete(&burned, None).await;
    let guarded = create(json!({"content": "hunter2", "passphrase": "sesame"})).await;
    server.reveal(&guarded, None, Some("wrong")).await;
    server.reveal(&guarded, None, Some("sesame")).await;
    create(json!({"content": "hunter2", "ttl_seconds": 1})).await;
    let forgotten = create(json!({"content": "hunter2"})).await;
    server.reveal(&forgotten, Some(CLAIM), None).await;
    tokens
}
