//! Where data and configuration live, seen from a root of our own: containers that have an `/app` and that don't, users without a home,
//! files of somebody else. Each runs in a mount namespace of its own, so nothing is left when it ends; that takes root, which CI has.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    process::{Command, Output},
};

use super::text;
use crate::common::{OTS, directory, run};

/// A root directory that has what `ots` needs to run, and what a test puts there.
struct Root(tempfile::TempDir);

impl Root {
    /// None for whoever may not make one. CI may.
    fn new() -> Option<Self> {
        let may = Command::new("unshare").args(["-m", "true"]).status().is_ok_and(|status| status.success());
        if !may {
            assert!(std::env::var_os("CI").is_none(), "CI has to run this as root");
            eprintln!("skipped: a root of our own needs root; CI runs it");
            return None;
        }
        let root = directory();
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["bin", "dev", "etc", "lib", "lib64", "proc", "tmp", "usr"] {
            fs::create_dir(root.path().join(name)).unwrap();
        }
        fs::set_permissions(root.path().join("tmp"), fs::Permissions::from_mode(0o1777)).unwrap();
        fs::write(root.path().join("etc/passwd"), "root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n")
            .unwrap();
        fs::copy(OTS, root.path().join("bin/ots")).unwrap();
        Some(Self(root))
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn directory(&self, name: &str, owner: u32) {
        let path = self.path(name);
        fs::create_dir_all(&path).unwrap();
        std::os::unix::fs::chown(&path, Some(owner), Some(owner)).unwrap();
    }

    /// Runs a line of shell in that root, as that user, with these variables and no others. `$OTS` is the binary.
    fn shell(&self, user: u32, environment: &[(&str, &str)], line: &str) -> Output {
        let root = self.0.path().display();
        let mounts = ["usr", "lib", "lib64", "dev"]
            .map(|name| format!("[ ! -e /{name} ] || mount --rbind /{name} {root}/{name}"))
            .join(" && ");
        let variables: Vec<String> = environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let variables = variables.join(" ");
        let script = format!(
            "{mounts} && mount -t proc proc {root}/proc && \
             exec env -i PATH=/usr/bin:/bin {variables} /usr/sbin/chroot --userspec={user}:{user} {root} /usr/bin/sh -c '{line}'"
        );
        let mut unshare = Command::new("unshare");
        unshare.args(["-m", "sh", "-c", &script]);
        run(unshare, b"")
    }

    /// Starts a server in that root until it listens, or has ended; gives what it said.
    fn serves(&self, user: u32, environment: &[(&str, &str)], options: &str) -> String {
        let line = format!(
            "cd /tmp; ots serve --listen 127.0.0.1:0 {options} 2>/tmp/log & server=$!; \
             for i in $(seq 200); do grep -q \"keeping secrets in\\|^ots: \" /tmp/log && break; sleep 0.05; done; \
             kill $server; wait $server; cat /tmp/log; rm -f /tmp/log"
        );
        text(&self.shell(user, environment, &line).stdout)
    }
}

fn assert_keeps(said: &str, place: &str) {
    assert!(said.contains(&format!("keeping secrets in {place}/ots.db")), "{place}: {said}");
}

/// A container is known by its files and variables, and keeps its data in `/app/storage/db` if it has an `/app`.
#[test]
fn a_container_keeps_its_data_in_its_app() {
    let Some(root) = Root::new() else { return };
    root.directory("home/user", 1000);
    let home = ("HOME", "/home/user");
    // No `/app`: the platform's, in a container too.
    assert_keeps(&root.serves(1000, &[home, ("container", "podman")], ""), "/home/user/.local/share/ots");
    root.directory("app", 1000);
    assert_keeps(&root.serves(1000, &[home], ""), "/home/user/.local/share/ots");
    assert_keeps(&root.serves(1000, &[home, ("CARGO_MANIFEST_DIR", "/app")], ""), "/home/user/.local/share/ots");
    assert_keeps(&root.serves(1000, &[home, ("container", "podman")], ""), "/app/storage/db");
    assert_keeps(&root.serves(1000, &[home, ("KUBERNETES_SERVICE_HOST", "10.0.0.1")], ""), "/app/storage/db");
    assert!(root.path("app/storage/db/secret.key").exists(), "the key lies beside the data");
    for file in [".dockerenv", "run/.containerenv"] {
        fs::create_dir_all(root.path("run")).unwrap();
        fs::write(root.path(file), "").unwrap();
        assert_keeps(&root.serves(1000, &[home], ""), "/app/storage/db");
        fs::remove_file(root.path(file)).unwrap();
    }
    // What is said goes before what is found.
    let container = [home, ("container", "podman"), ("STATE_DIRECTORY", "/tmp/state")];
    assert_keeps(&root.serves(1000, &container, ""), "/tmp/state");
    assert_keeps(&root.serves(1000, &container, "--dev"), "storage/db");
    assert_keeps(&root.serves(1000, &container, "--data-dir /tmp/said"), "/tmp/said");
}

/// Where nothing can be kept, the error says where and what to do; nothing is half made.
#[test]
fn a_place_that_can_not_be_used_is_told() {
    let Some(root) = Root::new() else { return };
    let advice = "choose another place with --data-dir (or OTS_DATA_DIR)";
    root.directory("app", 0);
    let said = root.serves(1000, &[("container", "podman"), ("HOME", "/home/user")], "");
    assert!(said.contains("/app/storage") && said.contains("Permission denied") && said.contains(advice), "{said}");
    fs::remove_dir(root.path("app")).unwrap();
    // A home that isn't there, or isn't ours; none at all, for a user whom nobody knows.
    let said = root.serves(1000, &[("HOME", "/home/user")], "");
    assert!(said.contains("/home/user/.local/share/ots") && said.contains(advice), "{said}");
    root.directory("home/user", 0);
    let said = root.serves(1000, &[("HOME", "/home/user")], "");
    assert!(said.contains("Permission denied") && said.contains(advice) && !said.contains("os error"), "{said}");
    let said = root.serves(4242, &[], "");
    assert!(said.contains("there is no home directory") && said.contains("--data-dir"), "{said}");
    // The place is there, and what is in it is somebody else's.
    root.directory("data", 1000);
    fs::write(root.path("data/ots.db-lock"), "").unwrap();
    fs::set_permissions(root.path("data/ots.db-lock"), fs::Permissions::from_mode(0o600)).unwrap();
    let said = root.serves(1000, &[], "--data-dir /data");
    assert!(said.contains("/data/ots.db-lock: Permission denied") && said.contains(advice), "{said}");
}

/// The usual configuration that can't be read is passed over with a warning; one that was named is an error.
#[test]
fn only_a_configuration_that_was_named_has_to_be_readable() {
    let Some(root) = Root::new() else { return };
    root.directory("home/user/.config/ots", 0);
    let config = root.path("home/user/.config/ots/config.toml");
    fs::write(&config, "ttl = \"soon\"").unwrap();
    fs::set_permissions(&config, fs::Permissions::from_mode(0o600)).unwrap();
    let home = ("HOME", "/home/user");
    let named = "/home/user/.config/ots/config.toml";
    let put = "printf x | ots put --server http://127.0.0.1:1";
    let output = root.shell(1000, &[home], put);
    let said = text(&output.stderr);
    assert!(
        said.contains(&format!("ots: can't read {named}: Permission denied: going on without it"))
            && output.status.code() == Some(4),
        "{said}"
    );
    for silent in ["--quiet", "--json"] {
        let output = root.shell(1000, &[home], &format!("{put} {silent}"));
        let said = text(&output.stderr);
        assert!(said.lines().count() == 1 && output.status.code() == Some(4), "{said}");
    }
    for how in [format!("{put} --config {named}"), format!("OTS_CONFIG={named} ots put")] {
        let output = root.shell(1000, &[home], &how);
        assert_eq!(output.status.code(), Some(8), "{how}: {}", text(&output.stderr));
    }
    // Whose it is, has to write it right.
    assert_eq!(root.shell(0, &[home], put).status.code(), Some(2));
    // No such file, in whichever way.
    for home in ["/nowhere", "/dev/null", "/etc/passwd"] {
        let output = root.shell(1000, &[("HOME", home)], put);
        assert!(text(&output.stderr).lines().count() == 1, "{home}: {}", text(&output.stderr));
    }
}
