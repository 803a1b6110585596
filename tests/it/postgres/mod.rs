//! Servers that share a PostgreSQL: the contract is in `contract.rs`, over both engines.

mod admin;
mod batches;
mod certificates;
mod crash;
mod damage;
mod durability;
#[cfg(target_os = "linux")] // its network namespaces
mod failover;
#[cfg(target_os = "linux")] // its small file systems
mod faults;
mod keys;
mod locked;
mod migrate;
mod outbox;
mod pooler;
mod quotas;
mod races;
mod receipts;
mod replicas;
mod requests;
#[cfg(target_os = "linux")] // its /proc
mod sessions;
mod start;

use std::process::Command;

use crate::common::{
    SECRET_KEY, Server, ots,
    postgres::{Cluster, PASSWORD},
    run, text,
};

/// A server on a database, told where that is as an operator would.
fn command(url: &str, arguments: &[&str]) -> Command {
    let mut command = ots();
    command.env("SECRET_KEY", SECRET_KEY).env("OTS_DATABASE_URL", url).env("OTS_ALLOWED_HOST", "x,right,ots.test");
    command.args(["-v", "serve", "--listen", "127.0.0.1:0"]).args(arguments);
    command
}

fn serve(url: &str, arguments: &[&str]) -> Server {
    Server::spawn(command(url, arguments)).unwrap_or_else(|log| panic!("the server didn't start: {log}"))
}

/// The server, told of the database in a variable, which is no argument that others can list.
fn refused(url: &str, environment: &[(&str, &str)]) -> std::process::Output {
    let mut command = ots();
    command.env("SECRET_KEY", SECRET_KEY).env("OTS_DATABASE_URL", url).envs(environment.iter().copied());
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    let output = run(command, b"");
    let said = text(&output.stderr);
    assert!(!said.contains("hunter2") && !said.contains(PASSWORD), "{said}");
    output
}

/// Three servers that start together on an empty database.
fn replicas(url: &str) -> Vec<Server> {
    let starts: Vec<_> = (0..3)
        .map(|_| {
            let command = command(url, &[]);
            std::thread::spawn(move || Server::spawn(command))
        })
        .collect();
    starts.into_iter().map(|start| start.join().unwrap().unwrap()).collect()
}

/// How many records there are, and that what is counted is what there is.
fn records(cluster: &Cluster, database: &str) -> u64 {
    let checked = ots::store::Store::check(&cluster.url(database).parse().unwrap()).unwrap();
    assert_eq!(checked.findings, [""; 0]);
    checked.records
}
