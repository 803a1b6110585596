//! A primary with two standbys, and three servers on it behind an entrance: what episodes are done to.

use std::{
    net::SocketAddr,
    process::Command,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use reqwest::{Client, Method};

use super::{super::command, entrance::Entrance, load, node::Node};
use crate::common::{
    Server,
    network::{Place, Switch},
    postgres::PASSWORD,
};

/// The databases.
pub struct Trio {
    pub switch: Switch,
    pub nodes: Vec<Node>,
    pub primary: usize,
}

impl Trio {
    /// None where network namespaces or PostgreSQL aren't there, and CI isn't either.
    pub fn begin(synchronous: &str) -> Option<Self> {
        let switch = Switch::new()?;
        let first = Node::primary(&switch, synchronous)?;
        let standbys = ["n2", "n3"].map(|name| Node::standby(&switch, name, &first));
        first.wait_for_standbys(2);
        let nodes = std::iter::once(first).chain(standbys).collect();
        Some(Self { switch, nodes, primary: 0 })
    }

    pub fn url(&self) -> String {
        let hosts: Vec<String> = self.nodes.iter().map(|node| format!("{}:5432", node.place.address)).collect();
        format!("postgres://ots:{}@{}/ots?sslmode=disable", PASSWORD.replace(':', "%3A"), hosts.join(","))
    }

    pub fn primary(&self) -> &Node {
        &self.nodes[self.primary]
    }

    pub fn standbys(&self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|at| *at != self.primary).collect()
    }

    /// Makes a primary of the standby that is further ahead, in the order that a manager of such has to keep: first nobody agrees with the old
    /// primary's commits any more, then there is a new one. When that can be written to, and which the old one was.
    pub fn fail_over(&mut self) -> (Instant, usize) {
        let standbys = self.standbys();
        for at in &standbys {
            self.nodes[*at].follow(None);
        }
        let ahead = *standbys.iter().max_by_key(|at| self.nodes[**at].received()).unwrap();
        self.nodes[ahead].promote();
        for at in standbys.into_iter().filter(|at| *at != ahead) {
            self.nodes[at].follow(Some(&self.nodes[ahead]));
        }
        self.nodes[ahead].wait_for_standbys(1);
        (Instant::now(), std::mem::replace(&mut self.primary, ahead))
    }

    /// The old primary ends, if it hasn't, and comes back as a standby.
    pub fn bring_back(&mut self, old: usize) {
        let mut node = self.nodes.remove(old);
        node.kill();
        let primary = self.primary - usize::from(self.primary > old);
        node.come_back(&self.nodes[primary]);
        self.nodes.insert(old, node);
        self.primary().wait_for_standbys(2);
    }
}

/// The servers. The last has a place of its own in the network, from which the databases can be cut off, but not those who ask it.
pub struct Servers {
    pub all: Vec<Server>,
    pub place: Place,
    pub entrance: Entrance,
    addresses: Vec<SocketAddr>,
    second: String,
    url: String,
    client: Client,
    /// Secrets that were made to see whether a server works.
    pub probes: usize,
}

impl Servers {
    pub async fn begin(trio: &Trio) -> Self {
        let place = trio.switch.place();
        let second = place.second();
        let url = trio.url();
        let servers: Vec<Server> = (0..3).map(|at| start(at, &url, &place)).collect();
        let addresses: Vec<SocketAddr> =
            servers.iter().enumerate().map(|(at, server)| address(at, server, &second)).collect();
        let entrance = Entrance::open(addresses.clone()).await;
        Self { all: servers, place, entrance, addresses, second, url, client: load::client(), probes: 0 }
    }

    /// Kills a server; it isn't there for a moment, and then somewhere else.
    pub async fn restart(&mut self, at: usize) {
        let server = self.all.remove(at);
        server.kill();
        tokio::time::sleep(Duration::from_millis(300)).await;
        let server = start(at, &self.url, &self.place);
        self.addresses[at] = address(at, &server, &self.second);
        self.entrance.set(at, self.addresses[at]);
        self.all.insert(at, server);
    }

    pub async fn is_healthy(&self, at: usize) -> bool {
        let request = self.client.get(format!("http://{}/health", self.addresses[at])).header("host", "ots.test");
        request.timeout(Duration::from_secs(3)).send().await.is_ok_and(|answer| answer.status() == 200)
    }

    /// Waits until each server is healthy, and keeps and gives a secret: how long after `since` that was.
    pub async fn healthy(&mut self, since: Instant) -> Vec<Duration> {
        let this = &*self;
        let each = (0..self.addresses.len()).map(|at| async move {
            let mut probes = 0;
            loop {
                if this.is_healthy(at).await {
                    probes += 1;
                    if this.works(at).await {
                        return (since.elapsed(), probes - 1);
                    }
                }
                assert!(since.elapsed() < Duration::from_secs(40), "server {at}: {}", this.all[at].log());
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
        });
        let found = join_all(each).await;
        self.probes += found.iter().map(|(_, probes)| probes).sum::<usize>();
        found.into_iter().map(|(took, _)| took).collect()
    }

    async fn works(&self, at: usize) -> bool {
        let url = format!("http://{}/api/v1/secrets", self.addresses[at]);
        let ask = |method: Method, url: String| {
            let request = self.client.request(method, url).header("host", "ots.test");
            request.header("content-type", "application/json").timeout(Duration::from_secs(2))
        };
        let made = ask(Method::POST, url.clone()).body(r#"{"content":"probe"}"#).send().await;
        let Ok(made) = made else { return false };
        if made.status() != 201 {
            return false;
        }
        let Ok(made) = made.json::<serde_json::Value>().await else { return false };
        let read = ask(Method::GET, format!("{url}/{}", made["token"].as_str().unwrap())).send().await;
        read.is_ok_and(|answer| answer.status() == 200)
    }
}

fn start(at: usize, url: &str, place: &Place) -> Server {
    let mut told = command(url, &["--claim-lease", "10m", "--rate-limit", "off"]);
    if at == 2 {
        let mut there = place.command(told.get_program().to_str().unwrap());
        there.env_clear().args(
            told.get_args().map(|argument| if argument == "127.0.0.1:0" { "0.0.0.0:0".as_ref() } else { argument }),
        );
        there.envs(told.get_envs().filter_map(|(name, value)| Some((name, value?))));
        told = there;
    }
    begun(told)
}

fn begun(command: Command) -> Server {
    Server::spawn(command).unwrap_or_else(|log| panic!("the server didn't start: {log}"))
}

fn address(at: usize, server: &Server, second: &str) -> SocketAddr {
    let address = server.address();
    if at == 2 { format!("{second}:{}", address.rsplit(':').next().unwrap()) } else { address }.parse().unwrap()
}
