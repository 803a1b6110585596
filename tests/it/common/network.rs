//! A network of the tests' own: a switch and places on it, each a network namespace. A place's cable can be pulled.
//!
//! A namespace lasts as long as a process is in it. Those that hold ours end with the process that started them, however that ends.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU8, Ordering},
};

/// What the places have in common, and the way to them from here. Networks of 198.18.0.0/15 are for such.
pub struct Switch {
    holder: Holder,
    subnet: u8,
    places: AtomicU8,
}

/// A host of its own, at `address`.
pub struct Place {
    pub address: String,
    holder: Holder,
    number: u8,
}

/// A process that does nothing but be in a network namespace.
struct Holder(Child);

impl Holder {
    fn new() -> Option<Self> {
        let mut command = Command::new("unshare");
        command.args(["--net", "sh", "-c", "echo; read -r word"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::null()).spawn().ok()?;
        let mut line = String::new();
        let began = BufReader::new(child.stdout.take().unwrap()).read_line(&mut line);
        began.is_ok_and(|length| length > 0).then_some(Self(child))
    }

    fn id(&self) -> String {
        self.0.id().to_string()
    }

    /// `command`, in there.
    fn within(&self, command: &[&str]) -> Command {
        let mut within = Command::new("nsenter");
        within.args(["--net", "--target", &self.id()]).args(command);
        within
    }

    fn ip(&self, words: &str) {
        let words: Vec<&str> = ["ip"].into_iter().chain(words.split(' ')).collect();
        done(self.within(&words));
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

fn done(mut command: Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn ip(words: &str) {
    let mut command = Command::new("ip");
    command.args(words.split(' '));
    done(command);
}

impl Switch {
    /// None for whoever may not make one. CI may.
    pub fn new() -> Option<Self> {
        static SUBNETS: AtomicU8 = AtomicU8::new(0);
        let Some(holder) = Holder::new() else {
            assert!(std::env::var_os("CI").is_none(), "CI has to run this as root, with network namespaces");
            eprintln!("skipped: network namespaces need root; CI runs it");
            return None;
        };
        let id = holder.id();
        let subnet = loop {
            // Other processes may have theirs.
            let subnet = SUBNETS.fetch_add(1, Ordering::Relaxed);
            assert!(subnet < u8::MAX, "no subnet is free");
            let mut added = Command::new("ip");
            added.args(["link", "add", &format!("ots-{subnet}"), "type", "veth", "peer", "name", "here", "netns", &id]);
            if added.output().unwrap().status.success() {
                break subnet;
            }
        };
        let here = format!("ots-{subnet}");
        holder.ip("link add switch type bridge");
        for device in ["lo", "switch", "here"] {
            holder.ip(&format!("link set {device} up"));
        }
        holder.ip("link set here master switch");
        ip(&format!("addr add 198.18.{subnet}.1/24 dev {here}"));
        ip(&format!("link set {here} up"));
        Some(Self { holder, subnet, places: AtomicU8::new(0) })
    }

    /// A new place.
    pub fn place(&self) -> Place {
        let holder = Holder::new().unwrap();
        let number = self.places.fetch_add(1, Ordering::Relaxed);
        let address = format!("198.18.{}.{}", self.subnet, 10 + number);
        self.holder.ip(&format!("link add port{number} type veth peer name eth0 netns {}", holder.id()));
        self.holder.ip(&format!("link set port{number} master switch"));
        self.holder.ip(&format!("link set port{number} up"));
        holder.ip(&format!("addr add {address}/24 dev eth0"));
        holder.ip("link set lo up");
        holder.ip("link set eth0 up");
        Place { address, holder, number }
    }

    /// Pulls a place's cable. Neither end is told.
    pub fn cut(&self, place: &Place) {
        self.holder.ip(&format!("link set port{} down", place.number));
    }

    /// Puts it back.
    pub fn mend(&self, place: &Place) {
        self.holder.ip(&format!("link set port{} up", place.number));
    }
}

impl Place {
    /// A program that runs there.
    pub fn command(&self, program: &str) -> Command {
        self.holder.within(&[program])
    }

    /// A second way there, from here alone, that isn't cut: the place's address on it.
    pub fn second(&self) -> String {
        let subnet = self.address.split('.').nth(2).unwrap();
        let (here, low) = (format!("ots-{subnet}-{}", self.number), 4 * self.number);
        ip(&format!("link add {here} type veth peer name eth1 netns {}", self.holder.id()));
        ip(&format!("addr add 198.19.{subnet}.{}/30 dev {here}", low + 1));
        ip(&format!("link set {here} up"));
        let address = format!("198.19.{subnet}.{}", low + 2);
        self.holder.ip(&format!("addr add {address}/30 dev eth1"));
        self.holder.ip("link set eth1 up");
        address
    }
}
