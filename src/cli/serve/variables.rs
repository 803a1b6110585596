//! Variables that look like options and are none: a misspelt one would be passed over, where a misspelt flag is an error.

use std::collections::HashSet;

use clap::Command;

use crate::cli::{man, tree};

/// Warns of each; not of those that Kubernetes sets for a service by the name of `ots`.
pub(super) fn tell_of_unknown() {
    let known = known(&tree());
    let set = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for name in set.filter(|name| is_strange(name, &known)) {
        match name.as_str() {
            "OTS_SECRET_KEY" => {
                tracing::warn!("OTS_SECRET_KEY is set, and nothing reads it: the key's variable is SECRET_KEY");
            }
            name => tracing::warn!(
                "{name} is set, and no option of ots reads it: is it misspelt? ots serve --help has them"
            ),
        }
    }
}

fn is_strange(name: &str, known: &HashSet<String>) -> bool {
    let of_a_service = name.starts_with("OTS_SERVICE_") || name == "OTS_PORT" || name.starts_with("OTS_PORT_");
    name.starts_with("OTS_") && !of_a_service && !known.contains(name)
}

/// Those of all commands, since a server's host may set a client's, too.
fn known(command: &Command) -> HashSet<String> {
    let own = command.get_arguments().filter_map(|arg| arg.get_env()).map(|name| name.to_string_lossy().into_owned());
    let below = command.get_subcommands().flat_map(known);
    own.chain(below).chain(man::VARIABLES.iter().map(|(name, ..)| (*name).to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_option_reads_is_strange() {
        let known = known(&tree());
        for (name, strange) in [
            ("OTS_LISTN", true),
            ("OTS_SECRET_KEY", true),
            ("OTS_LISTEN", false),
            ("OTS_API_KEY", false),
            ("OTS_SERVER", false),
            ("OTS_SERVICE_HOST", false),
            ("OTS_PORT_8000_TCP_ADDR", false),
            ("SECRET_KEY", false),
        ] {
            assert_eq!(is_strange(name, &known), strange, "{name}");
        }
    }
}
