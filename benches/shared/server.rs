//! A server's process, and what is asked of it.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use super::process::resident;

/// A server process and where it listens. Ended when dropped.
pub struct Server {
    pub name: &'static str,
    pub child: Child,
    pub address: String,
}

impl Server {
    pub fn start(name: &'static str, command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address =
            lines.find_map(|line| Some(line.unwrap().split_once("listening on http://")?.1.trim().to_owned())).unwrap();
        std::thread::spawn(move || lines.for_each(drop));
        Self { name, child, address }
    }

    pub fn cpu(&self) -> Duration {
        cpu(self.child.id())
    }

    pub fn resident(&self) -> f64 {
        resident(self.child.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// User and system time so far, of ended children too (proc(5), stat, fields 14 to 17), at the usual 100 ticks a second.
pub fn cpu(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap_or_default().1.split_whitespace().collect();
    let ticks: u64 = fields.iter().skip(11).take(4).map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}
