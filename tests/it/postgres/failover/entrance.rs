//! A load balancer in front of the servers: in turns, and past those that refuse. No connection is used for a second request.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::net::{TcpListener, TcpStream};

/// How long a server may take to take a connection.
const PATIENCE: Duration = Duration::from_millis(500);

pub struct Entrance {
    pub url: String,
    servers: Arc<Mutex<Vec<SocketAddr>>>,
}

impl Entrance {
    pub async fn open(servers: Vec<SocketAddr>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let servers = Arc::new(Mutex::new(servers));
        let behind = Arc::clone(&servers);
        let turn = Arc::new(AtomicUsize::new(0));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, Arc::clone(&behind), Arc::clone(&turn)));
            }
        });
        Self { url, servers }
    }

    /// A server that is elsewhere from now on.
    pub fn set(&self, at: usize, address: SocketAddr) {
        self.servers.lock().unwrap()[at] = address;
    }
}

async fn pass(mut client: TcpStream, servers: Arc<Mutex<Vec<SocketAddr>>>, turn: Arc<AtomicUsize>) {
    // A server that starts again takes a moment.
    for _ in 0..60 {
        let at = turn.fetch_add(1, Ordering::Relaxed);
        let address = {
            let servers = servers.lock().unwrap();
            servers[at % servers.len()]
        };
        if let Ok(Ok(mut server)) = tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await {
            let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
